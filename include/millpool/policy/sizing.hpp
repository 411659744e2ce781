// Layer 4 · policy: how large a pool should be.
#pragma once

#include "millpool/base/clock.hpp"

#include <cstddef>

/// How many workers, and how long a channel: rules to start from, where nothing was measured yet.
///
/// The forms without `cpus` use available_cpus(), which knows affinity and control-group quotas,
/// and read a few files to do so. `cpus` may be a fraction, as a quota is; results are rounded up,
/// at least 1.
/// Thread safety  all may be called concurrently.
/// Throws         std::invalid_argument, naming the argument and its value: `cpus` is not above 0,
///                a ratio is negative or not a number, or the result is beyond `max_workers`.
namespace millpool::sizing {

/// More workers than this are taken for a mistake in the arguments.
inline constexpr unsigned max_workers = 1'000'000;

/// Workers for tasks that only compute: one a CPU.
/// Measured: as fast as cores x 2, with half the threads.
[[nodiscard]] unsigned cpu_bound();
[[nodiscard]] unsigned cpu_bound(double cpus);

/// Workers for tasks that wait: CPUs x (1 + wait_ratio).
/// Measured: for tasks that wait 1 ms, 10 workers reach 8 k tasks/s, 256 workers 118 k/s. The ratio
/// is to be measured too, and more workers are only worth keeping while throughput rises.
/// \param  wait_ratio  a task's waiting time divided by its CPU time: 0 for none, 99 for 1 % CPU.
[[nodiscard]] unsigned io_bound(double wait_ratio);
[[nodiscard]] unsigned io_bound(double wait_ratio, double cpus);

/// The article's rule for tasks that compute: cores x 2. Measured: harmless, no faster than cores.
[[nodiscard]] unsigned article_cpu();
[[nodiscard]] unsigned article_cpu(double cpus);

/// The article's rule for tasks that wait: cores x 5. Measured: far too few where a task waits 1 ms
/// for a few microseconds of work; see io_bound().
[[nodiscard]] unsigned article_io();
[[nodiscard]] unsigned article_io(double cpus);

/// The article's rule for the channel: workers x 1.5, in tasks. Measured: it costs 12 us a task
/// in a textbook pool of threads, and turns away 82 % of bursts of 50 a millisecond at 17 % load.
/// \throws std::invalid_argument if workers is 0 or above max_workers.
[[nodiscard]] std::size_t article_queue_capacity(std::size_t workers);

/// A channel's capacity, in tasks, where nothing is known of the load: 1024, the default of a pool,
/// or twice the workers if that is more.
/// \throws std::invalid_argument if workers is 0 or above max_workers.
[[nodiscard]] std::size_t queue_capacity(std::size_t workers);

/// What a channel is to take.
struct load {
  std::size_t burst = 1;        ///< tasks that arrive at once, at worst
  double tasks_per_second = 0;  ///< what the pool gets done
  duration latency_budget{};    ///< how long a task may wait in the channel
};

/// A channel's capacity, in tasks: twice the burst, but not more than gets done within the latency
/// budget, since a task beyond that would only wait to be late. At least 1.
/// \throws std::invalid_argument if burst is 0, or a member is not above 0 and finite.
[[nodiscard]] std::size_t queue_capacity(const load& expected);

}  // namespace millpool::sizing
