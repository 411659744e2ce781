// G, H, I: how soon does a task start, and what does a pool cost that has nothing to do?
#pragma once

#include "bench/pool/figures.hpp"
#include "bench/pool/subject.hpp"
#include "bench/pool/work.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace bench {

/// \param  waits  one a task, in nanoseconds; not empty.
inline void add_percentiles(figures& found, std::vector<float>& waits) {
  std::sort(waits.begin(), waits.end());
  const auto at = [&](double share) {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(waits.size()));
    return static_cast<double>(waits[std::min(rank, waits.size() - 1)]);
  };
  found["ns_per_task"] = at(0.5);
  found["p50_us"] = at(0.5) / 1e3;
  found["p99_us"] = at(0.99) / 1e3;
  found["p999_us"] = at(0.999) / 1e3;
}

/// One post after each 1 to 2 ms of rest: from post to start.
template <class P>
figures case_g(std::uint64_t tasks) {
  P pool{2, 1024};
  std::vector<float> waits(tasks);
  splitmix random;
  const auto before = tally::now();
  const stopwatch watch;
  for (float& wait : waits) {
    std::this_thread::sleep_for(std::chrono::microseconds{1000 + random.next() % 1000});
    const auto posted = steady::now();
    pool.post([&wait, posted] {
      wait = static_cast<float>(nanoseconds_since(posted));
      tally::add(1);
    });
  }
  finish(pool, before, tasks);
  figures found = watch.stop(tasks);
  expect_equal("tasks that ran", tally::now().count - before.count, tasks);
  add_percentiles(found, waits);
  return found;
}

/// Tasks of 2 us arrive on their own schedule, a Poisson process, however the pool does; a wait
/// counts from the time at which the task was due, so that a blocked producer hides nothing. The
/// producer spins: a sleep would be late by more than what is measured.
template <class P, unsigned per_second>
figures case_h(std::uint64_t tasks) {
  P pool{2, 1024};
  std::vector<float> waits(tasks);
  splitmix random;
  const auto before = tally::now();
  const stopwatch watch;
  const auto begun = steady::now();
  double due_ns = 1e6;
  for (float& wait : waits) {
    due_ns -= std::log(random.unit()) * 1e9 / per_second;
    const auto due = begun + std::chrono::nanoseconds{static_cast<std::int64_t>(due_ns)};
    while (steady::now() < due) {
    }
    pool.post([&wait, due] {
      wait = static_cast<float>(nanoseconds_since(due));
      spin_for(std::chrono::microseconds{2});
      tally::add(1);
    });
  }
  finish(pool, before, tasks);
  figures found = watch.stop(tasks);
  expect_equal("tasks that ran", tally::now().count - before.count, tasks);
  add_percentiles(found, waits);
  return found;
}

/// A pool of 4 that has worked, and rests for `milliseconds`. One context switch is this thread's
/// own.
template <class P>
figures case_i(std::uint64_t milliseconds) {
  P pool{4, 1024};
  const auto before = tally::now();
  for (int i = 0; i < 1000; ++i) pool.post([] { tally::add(1); });
  finish(pool, before, 1000);
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  rusage start{};
  rusage end{};
  const stopwatch watch;
  ::getrusage(RUSAGE_SELF, &start);
  std::this_thread::sleep_for(std::chrono::milliseconds{milliseconds});
  ::getrusage(RUSAGE_SELF, &end);
  figures found = watch.stop(milliseconds);
  found.erase("ns_per_task");
  const double seconds = static_cast<double>(milliseconds) / 1e3;
  const double cpu = nanoseconds_of(end.ru_utime) + nanoseconds_of(end.ru_stime) -
                     nanoseconds_of(start.ru_utime) - nanoseconds_of(start.ru_stime);
  found["idle_us_per_s"] = cpu / 1e3 / seconds;
  found["switches"] =
      static_cast<double>(end.ru_nvcsw + end.ru_nivcsw - start.ru_nvcsw - start.ru_nivcsw);
  return found;
}

}  // namespace bench
