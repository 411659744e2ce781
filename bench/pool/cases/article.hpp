// W0r, W1, W2, W3: the article's tests. Results are collected through a channel by subjects that
// have one, else added up by the tasks.
#pragma once

#include "bench/pool/figures.hpp"
#include "bench/pool/subject.hpp"
#include "bench/pool/work.hpp"

#include <cstdint>

namespace bench {

// What DESIGN.md gives for the full size; a shortened run is compared with a serial one.
inline constexpr std::uint64_t full_tasks = 100'000;
inline constexpr std::uint64_t cpu_total = 0x4f43e8ef31e74cd1;
inline constexpr std::uint64_t io_total = 0x5a738e6ac2675d20;

template <class F>
std::uint64_t serial_sum(std::uint64_t tasks, F f) {
  std::uint64_t sum = 0;
  for (std::uint64_t id = 0; id < tasks; ++id) sum += f(id);
  return sum;
}

/// \param  answer  what f returns, without the waiting.
template <class P, class F, class Answer>
figures sum_of_tasks(unsigned workers, std::uint64_t tasks, std::uint64_t full_total, F f,
                     Answer answer) {
  P pool{workers, 1024};
  const auto before = tally::now();
  const stopwatch watch;
  std::uint64_t sum = 0;
  if constexpr (has_collect<P>) {
    sum = pool.collect(tasks, f);
  } else {
    produce(pool, [&] {
      for (std::uint64_t id = 0; id < tasks; ++id) {
        pool.post([f, id] { tally::add(f(id)); });
      }
    });
    finish(pool, before, tasks);
    sum = tally::now().sum - before.sum;
  }
  figures found = watch.stop(tasks);
  expect_equal("sum of the results", sum,
               tasks == full_tasks ? full_total : serial_sum(tasks, answer));
  return found;
}

template <class P>
figures case_w0r(std::uint64_t tasks) {
  P pool{2, 1024};
  const stopwatch watch;
  const std::uint64_t sum = pool.collect(tasks, [](std::uint64_t id) { return id; });
  figures found = watch.stop(tasks);
  expect_equal("sum of the results", sum,
               tasks == 2'000'000 ? 0x1d1a93addc0 : tasks * (tasks - 1) / 2);
  return found;
}

template <class P>
figures case_w1(std::uint64_t tasks) {
  return sum_of_tasks<P>(2, tasks, cpu_total, cpu_task, cpu_task);
}

inline constexpr unsigned io_workers = 256;
/// A few more than there are permits, so that a permit given back finds a buffer filled.
inline constexpr unsigned permit_workers = 136;

template <class P>
figures case_w2(std::uint64_t tasks) {
  return sum_of_tasks<P>(io_workers, tasks, io_total, io_task, io_answer);
}

template <class P>
figures case_w3(std::uint64_t tasks) {
  return sum_of_tasks<P>(permit_workers, tasks, io_total, permit_task, io_answer);
}

}  // namespace bench
