// Counts what tasks did without being the bottleneck: a shared counter would cost more than the
// fastest pool does.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace bench::tally {

struct totals {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;  // mod 2^64
};

struct alignas(64) cell {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> sum{0};
};

inline constexpr std::size_t own_cells = 1024;
inline std::array<cell, own_cells + 1> cells;  // the last is shared by all threads beyond own_cells
inline std::atomic<std::size_t> cells_taken{0};
inline constinit thread_local cell* mine = nullptr;

inline cell& claim() {
  // relaxed: only the number matters.
  const std::size_t index = cells_taken.fetch_add(1, std::memory_order_relaxed);
  mine = &cells[index < own_cells ? index : own_cells];
  return *mine;
}

/// Called by every task of every case, once, with its answer.
inline void add(std::uint64_t value) {
  cell& here = mine != nullptr ? *mine : claim();
  if (&here == &cells[own_cells]) [[unlikely]] {
    here.sum.fetch_add(value, std::memory_order_relaxed);  // published by the release below
    here.count.fetch_add(1, std::memory_order_release);
    return;
  }
  // relaxed loads: this thread alone writes here. The release store of count publishes sum.
  here.sum.store(here.sum.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  here.count.store(here.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

/// Exact once nothing runs any more.
inline totals now() {
  totals all;
  for (const cell& each : cells) {
    all.count += each.count.load(std::memory_order_acquire);  // add()'s release
    all.sum += each.sum.load(std::memory_order_relaxed);      // ordered by the line above
  }
  return all;
}

/// For pools that cannot say when they are done. It sleeps between looks, so that it takes no core
/// from the workers; up to 0.1 ms late.
inline void wait_for(std::uint64_t count) {
  while (now().count < count) std::this_thread::sleep_for(std::chrono::microseconds{20});
}

}  // namespace bench::tally
