// Layer 1 · telemetry: how often something happened.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"

#include <cstdint>

namespace millpool {

/// A count that one thread raises and any thread reads.
///
/// Thread safety  add() by one thread at a time, the owner; load() by anyone, at any time.
/// Ordering       a load() that sees an add() also sees what the owner did before it (E1), so that
///                counts read in the right order add up. What one reader sees never goes back.
/// Cost           a plain load, an addition, a plain store: no locked instruction.
/// Layout         8 bytes, so that the counters of one owner can share a cache line. Put them in
///                one struct of alignas(cache_line_size); a counter with other neighbours is
///                `lone_counter`.
class counter {
 public:
  counter() = default;
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;

  /// Owner only. Never waits. Wraps at 2^64.
  void add(std::uint64_t n = 1) noexcept {
    // relaxed load: no other thread stores, so nothing can come between the two. release: E1.
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_release);
  }

  /// Anyone. Never waits.
  [[nodiscard]] std::uint64_t load() const noexcept {
    // acquire: E1.
    return value_.load(std::memory_order_acquire);
  }

 private:
  atomic<std::uint64_t> value_{0};
};

/// A counter with a cache line to itself: for one whose neighbours are written by other threads.
class alignas(cache_line_size) lone_counter : public counter {};

}  // namespace millpool
