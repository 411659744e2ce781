// Layer 2 · channel: in which lanes something waits, for who does not hold a lock.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>

namespace millpool {

/// Two sets of up to eight lanes in one word: that of what lies in the channel, and that of what
/// came and was not collected yet. Read with every task, and stored only where it changes, so that
/// readers keep their copy of the line.
///
/// Owners   the one half: who holds the channel's lock. The other: who holds the intake's.
/// Edges
///   E1  show(), came(), collected() --> who sees the lane by lanes() or any...(): what is read
///       because of it is read after it. So all stores are release, all looks acquire.
/// A lane that moves from the one half to the other is seen throughout.
class alignas(cache_line_size) lane_shadow {
 public:
  static constexpr unsigned most = 8;

  /// Bit i: lane i. Anybody.
  [[nodiscard]] std::uint32_t lanes() const noexcept {
    const std::uint32_t word = now();
    return (word | word >> most) & half;
  }
  [[nodiscard]] bool any() const noexcept { return now() != 0; }
  [[nodiscard]] bool any_but(std::size_t lane) const noexcept {
    return (now() & ~(both << lane)) != 0;
  }
  /// Whether one is of a higher priority.
  [[nodiscard]] bool any_above(std::size_t lane) const noexcept {
    const std::uint32_t word = now();
    return word != 0 && (word & both * ((1U << lane) - 1)) != 0;
  }

  /// What lies in the channel now. Its lock is held.
  void show(std::uint32_t lanes) noexcept {
    // relaxed: this half changes under the lock only. release: E1.
    const std::uint32_t changed = (word_.load(std::memory_order_relaxed) & half) ^ lanes;
    if (changed != 0) word_.fetch_xor(changed, std::memory_order_release);
  }

  /// The intake's lock is held.
  void came(std::size_t lane) noexcept {
    // release: E1.
    word_.fetch_or(1U << (most + lane), std::memory_order_release);
  }

  /// All that came is collected. Both locks are held.
  void collected(std::uint32_t lanes) noexcept {
    if (lanes == 0) return;
    // relaxed: nobody else changes it now. release: E1.
    const std::uint32_t shown = word_.load(std::memory_order_relaxed) & half;
    word_.store(shown | lanes, std::memory_order_release);
  }

 private:
  [[nodiscard]] std::uint32_t now() const noexcept {
    // acquire: E1.
    return word_.load(std::memory_order_acquire);
  }

  static constexpr std::uint32_t half = (1U << most) - 1;
  static constexpr std::uint32_t both = 1U | 1U << most;  // lane 0 in either half

  atomic<std::uint32_t> word_{0};
};

}  // namespace millpool
