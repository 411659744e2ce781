// Support for tests: threads that begin at the same moment.
#pragma once

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

namespace millpool::test {

/// Runs work(0) … work(threads - 1), each on a thread of its own, none before all are there.
/// Returns when all have ended.
template <class Work>
void run_together(int threads, Work work) {
  std::latch all_there{threads};
  std::vector<std::jthread> running;
  running.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      all_there.arrive_and_wait();
      work(i);
    });
  }
}

}  // namespace millpool::test
