// D, F: what does a task cost that a task makes?
#pragma once

#include "bench/pool/figures.hpp"
#include "bench/pool/subject.hpp"

#include <cstdint>

namespace bench {

inline constexpr unsigned tree_fan = 4;

/// The nodes of a tree of that depth: 1, 5, 21, … 1,398,101 at depth 10.
constexpr std::uint64_t tree_tasks(unsigned depth) {
  std::uint64_t level = 1;
  std::uint64_t all = 1;
  for (unsigned d = 0; d < depth; ++d) all += level *= tree_fan;
  return all;
}

template <class P>
void grow(P& pool, unsigned depth) {
  tally::add(1);
  if (depth == 0) return;
  for (unsigned i = 0; i < tree_fan; ++i) {
    bench::spawn(pool, [&pool, depth] { grow(pool, depth - 1); });
  }
}

/// The deepest tree of at most `tasks` tasks.
template <class P>
figures case_d(std::uint64_t tasks) {
  unsigned depth = 0;
  while (tree_tasks(depth + 1) <= tasks) ++depth;
  P pool{2, 1024};
  const auto before = tally::now();
  produce(pool, [&] { pool.post([] { tally::add(1); }); });
  finish(pool, before, 1);
  const stopwatch watch;
  produce(pool, [&] { pool.post([&pool, depth] { grow(pool, depth); }); });
  finish(pool, before, tree_tasks(depth) + 1);
  figures found = watch.stop(tree_tasks(depth));
  expect_equal("tasks that ran", tally::now().count - before.count, tree_tasks(depth) + 1);
  return found;
}

struct fibonacci {
  unsigned n = 1;
  std::uint64_t value = 1;  // fib(n)
  std::uint64_t next = 1;   // fib(n + 1)

  void step() {
    ++n;
    const std::uint64_t sum = value + next;
    value = next;
    next = sum;
  }
  /// Calls with n >= 2, each of which forks and joins once.
  [[nodiscard]] std::uint64_t joins() const { return next - 1; }
};

template <class P>
std::uint64_t fork_fib(P& pool, unsigned n) {
  if (n < 2) return n;
  std::uint64_t x = 0;
  std::uint64_t y = 0;
  pool.both([&] { x = fork_fib(pool, n - 1); }, [&] { y = fork_fib(pool, n - 2); });
  return x + y;
}

/// The largest fib(n) that needs at most `tasks` joins: fib(30) needs 1,346,268.
template <class P>
figures case_f(std::uint64_t tasks) {
  fibonacci goal;
  for (fibonacci next = goal; next.step(), next.joins() <= tasks;) goal = next;
  P pool{2, 1024};
  std::uint64_t value = 0;
  pool.run([&] { value = fork_fib(pool, 3); });
  expect_equal("fib(3)", value, 2);
  const stopwatch watch;
  pool.run([&] { value = fork_fib(pool, goal.n); });
  figures found = watch.stop(goal.joins() > 0 ? goal.joins() : 1);
  expect_equal("fib(n)", value, goal.value);
  return found;
}

}  // namespace bench
