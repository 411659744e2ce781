// Layer 2 · channel: how many may be at work for the lower lanes at once.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>

namespace millpool {

/// Counts those who are at work for some of the lanes, so that there is always somebody left for
/// the others. Shared by the channels of one pool, and by whoever takes values in another way.
///
/// No wake-up is lost: a value of such a lane is there to be taken once there is room, and so
///   who leaves                      1. leave()               2. looks whether something waits
///   who has pushed, and tells none  1. makes it visible      2. is_surely_full(), and it is
///   who sleeps                      1. a heavy_barrier()     2. looks at all that is visible, and
///                                                               at is_full()
/// The first two change the same word: if the second reads it before the first changes it, the
/// first sees what was pushed. For the third see idle.hpp.
///
/// Thread safety  every member may be called concurrently.
class lane_limit {
 public:
  /// No limit.
  lane_limit() noexcept = default;
  /// \param  first  the highest lane that is limited; all below it are, too.
  lane_limit(std::size_t first, std::size_t most) noexcept
      : lanes_{~std::uint32_t{0} << first}, most_{most} {}

  [[nodiscard]] bool is_on() const noexcept { return lanes_ != 0; }
  /// Bit i: lane i is limited.
  [[nodiscard]] std::uint32_t lanes() const noexcept { return lanes_; }
  [[nodiscard]] bool limits(std::size_t lane) const noexcept { return (lanes_ >> lane & 1U) != 0; }

  /// Bit i: who is not at work for them may take nothing of lane i, now.
  [[nodiscard]] std::uint32_t shut_lanes() const noexcept {
    return lanes_ != 0 && is_full() ? lanes_ : 0;
  }
  [[nodiscard]] bool is_full() const noexcept {
    return at_work_.load() >= most_.load(std::memory_order_relaxed);
  }
  /// The same, for who relies on the next one to leave(). An addition of nothing: see above.
  [[nodiscard]] bool is_surely_full() noexcept {
    return at_work_.fetch_add(0) >= most_.load(std::memory_order_relaxed);
  }

  /// \return whether there was room: leave() is then to follow.
  [[nodiscard]] bool try_enter() noexcept {
    std::size_t seen = at_work_.load();
    while (seen < most_.load(std::memory_order_relaxed)) {
      if (at_work_.compare_exchange_weak(seen, seen + 1)) return true;
    }
    return false;
  }
  /// Also where there is no room: for who comes back to what he has begun.
  void enter() noexcept { at_work_.fetch_add(1); }
  void leave() noexcept { at_work_.fetch_sub(1); }

  /// Looks are to follow, as after leave(). Who is at work already stays.
  void set_most(std::size_t most) noexcept {
    if (most_.exchange(most, std::memory_order_relaxed) == most) return;
    at_work_.fetch_add(0);  // as leave()
  }

 private:
  // seq_cst in all changes: they are rare beside tasks that are worth a limit.
  const std::uint32_t lanes_ = 0;
  alignas(cache_line_size) atomic<std::size_t> at_work_{0};
  atomic<std::size_t> most_{0};
};

}  // namespace millpool
