// A, B, J, K: what does it cost to hand over many small tasks from outside?
#pragma once

#include "bench/pool/figures.hpp"
#include "bench/pool/subject.hpp"
#include "bench/pool/work.hpp"

#include <cstddef>
#include <cstdint>
#include <latch>
#include <semaphore>
#include <thread>
#include <vector>

namespace bench {

/// Gives an unbounded pool the bound that J asks for, as its user would.
template <class P>
class with_permits {
 public:
  with_permits(unsigned workers, std::size_t capacity)
      : capacity_{capacity},
        permits_{static_cast<std::ptrdiff_t>(capacity)},
        pool_{workers, capacity} {}

  template <class F>
  void post(F f) {
    permits_.acquire();
    pool_.post([this, f] {
      f();
      permits_.release();
    });
  }
  void wait() {
    for (std::size_t i = 0; i < capacity_; ++i) permits_.acquire();
    permits_.release(static_cast<std::ptrdiff_t>(capacity_));
  }

 private:
  std::size_t capacity_;
  std::counting_semaphore<> permits_;
  P pool_;
};

/// `task` is posted `tasks` times from here; the clock runs until all have ended.
template <class P, class Task>
figures post_from_one(P& pool, std::uint64_t tasks, Task task) {
  figures found;
  const auto before = tally::now();
  produce(pool, [&] { pool.post(task); });  // threads that start late are not what is measured
  finish(pool, before, 1);
  const stopwatch watch;
  produce(pool, [&] {
    for (std::uint64_t i = 0; i < tasks; ++i) pool.post(task);
  });
  finish(pool, before, tasks + 1);
  found = watch.stop(tasks);
  expect_equal("tasks that ran", tally::now().count - before.count, tasks + 1);
  return found;
}

template <class P>
figures case_a(std::uint64_t tasks) {
  P pool{2, 1024};
  return post_from_one(pool, tasks, [] { tally::add(1); });
}

template <class P>
figures case_b(std::uint64_t tasks) {
  constexpr unsigned producers = 4;
  const std::uint64_t each = tasks / producers;
  P pool{2, 1024};
  const auto before = tally::now();
  pool.post([] { tally::add(1); });
  finish(pool, before, 1);
  std::latch ready{producers + 1};
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < producers; ++i) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      for (std::uint64_t n = 0; n < each; ++n) pool.post([] { tally::add(1); });
    });
  }
  ready.arrive_and_wait();
  const stopwatch watch;
  threads.clear();
  finish(pool, before, each * producers + 1);
  figures found = watch.stop(each * producers);
  expect_equal("tasks that ran", tally::now().count - before.count, each * producers + 1);
  return found;
}

template <class P, std::size_t capacity>
figures case_j(std::uint64_t tasks) {
  if constexpr (is_bounded<P>) {
    P pool{2, capacity};
    return post_from_one(pool, tasks, [] { tally::add(1); });
  } else {
    with_permits<P> pool{2, capacity};
    return post_from_one(pool, tasks, [] { tally::add(1); });
  }
}

template <class P>
figures case_k(std::uint64_t tasks) {
  P pool{2, 1024};
  return post_from_one(pool, tasks, [] {
    spin_for(std::chrono::microseconds{1});
    tally::add(1);
  });
}

}  // namespace bench
