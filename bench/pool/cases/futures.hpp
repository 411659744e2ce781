// C, C1: what does a task with a result cost, many under way and one at a time?
#pragma once

#include "bench/pool/figures.hpp"
#include "bench/pool/subject.hpp"

#include <cstdint>
#include <vector>

namespace bench {

template <class P>
figures submit_in_windows(std::uint64_t tasks, std::uint64_t window) {
  P pool{2, 1024};
  const auto one = [] { return std::uint64_t{1}; };
  std::uint64_t sum = pool.submit(one).get();
  std::vector<decltype(pool.submit(one))> futures;
  futures.reserve(window);
  const std::uint64_t windows = (tasks + window - 1) / window;
  const stopwatch watch;
  for (std::uint64_t w = 0; w < windows; ++w) {
    for (std::uint64_t i = 0; i < window; ++i) futures.push_back(pool.submit(one));
    for (auto& each : futures) sum += each.get();
    futures.clear();
  }
  figures found = watch.stop(windows * window);
  expect_equal("sum of the results", sum, windows * window + 1);
  return found;
}

template <class P>
figures case_c(std::uint64_t tasks) {
  return submit_in_windows<P>(tasks, 512);
}

template <class P>
figures case_c1(std::uint64_t tasks) {
  return submit_in_windows<P>(tasks, 1);
}

}  // namespace bench
