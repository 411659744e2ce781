// What a subject is: a pool, reduced to what the cases need. Adapters are types, not virtual
// classes, so that a case costs a subject nothing but its own calls. An adapter has
//
//   P(workers, capacity)   an unbounded pool ignores the capacity
//   post(f)                f() runs on a worker
// and, where the rival has such a thing,
//   submit(f)              something with get()
//   spawn(f)               post(f) from inside a task, if there is a better way than post
//   wait()                 until all that was posted has run; without it the tally is watched
//   produce(body)          calls body() where it may post, for pools that are a region of code
//   run(f), both(f, g)     fork and join inside the pool
//   collect(tasks, f)      the sum of f(0) to f(tasks - 1), through a channel of results
//   bounded                true: post waits at the capacity by itself
#pragma once

#include "bench/pool/tally.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>

namespace bench {

template <class P>
concept has_submit = requires(P& pool) {
  pool.submit([] { return 1; }).get();
};
template <class P>
concept has_spawn = requires(P& pool) {
  pool.spawn([] {});
};
template <class P>
concept has_wait = requires(P& pool) {
  pool.wait();
};
template <class P>
concept is_region = requires(P& pool) {
  pool.produce([] {});
};
template <class P>
concept has_fork = requires(P& pool) {
  pool.run([] {});
  pool.both([] {}, [] {});
};
template <class P>
concept has_collect = requires(P& pool) {
  {
    pool.collect(std::uint64_t{1}, [](std::uint64_t id) { return id; })
    } -> std::same_as<std::uint64_t>;
};
template <class P>
concept is_bounded = requires {
  requires P::bounded;
};

template <class P, class F>
void spawn(P& pool, F f) {
  if constexpr (has_spawn<P>) {
    pool.spawn(std::move(f));
  } else {
    pool.post(std::move(f));
  }
}

template <class P, class F>
void produce(P& pool, F body) {
  if constexpr (is_region<P>) {
    pool.produce(std::move(body));
  } else {
    body();
  }
}

/// Until `count` tasks have ended since `before`.
template <class P>
void finish(P& pool, const tally::totals& before, std::uint64_t count) {
  if constexpr (has_wait<P>) {
    pool.wait();
  } else {
    tally::wait_for(before.count + count);
  }
}

struct wrong_answer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void expect_equal(const char* what, std::uint64_t found, std::uint64_t expected) {
  if (found == expected) return;
  throw wrong_answer{std::string{what} + ": " + std::to_string(found) + " instead of " +
                     std::to_string(expected)};
}

}  // namespace bench
