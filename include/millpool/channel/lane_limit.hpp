// Layer 2 · channel: how many may be at work for the lower lanes at once.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"

#include <algorithm>
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
      : lanes_{~std::uint32_t{0} << first}, word_{pack(most)} {}

  [[nodiscard]] bool is_on() const noexcept { return lanes_ != 0; }
  /// Bit i: lane i is limited.
  [[nodiscard]] std::uint32_t lanes() const noexcept { return lanes_; }
  [[nodiscard]] bool limits(std::size_t lane) const noexcept { return (lanes_ >> lane & 1U) != 0; }

  /// Bit i: who is not at work for them may take nothing of lane i, now.
  [[nodiscard]] std::uint32_t shut_lanes() const noexcept {
    return lanes_ != 0 && is_full() ? lanes_ : 0;
  }
  [[nodiscard]] bool is_full() const noexcept { return is_full(word_.load()); }
  /// The same, for who relies on the next one to leave(). An addition of nothing: see above.
  [[nodiscard]] bool is_surely_full() noexcept { return is_full(word_.fetch_add(0)); }

  /// \return whether there was room: leave() is then to follow.
  [[nodiscard]] bool try_enter() noexcept {
    std::uint64_t seen = word_.load();
    while (!is_full(seen)) {
      if (word_.compare_exchange_weak(seen, seen + 1)) return true;
    }
    return false;
  }
  /// Also where there is no room: for who comes back to what he has begun.
  void enter() noexcept { word_.fetch_add(1); }
  /// \return whether there was an excess().
  bool leave() noexcept { return excess_in(word_.fetch_sub(1)) > 0; }

  /// So many more are at work than may be: they began when more might, or came back.
  [[nodiscard]] std::size_t excess() const noexcept { return excess_in(word_.load()); }

  /// Looks are to follow, as after leave(); and one at excess(): who leaves after that tells of it.
  /// Who is at work already stays.
  void set_most(std::size_t most) noexcept {
    std::uint64_t seen = word_.load();
    while (!word_.compare_exchange_weak(seen, pack(most) | at_work_in(seen))) {
    }
  }

 private:
  [[nodiscard]] static std::uint64_t pack(std::size_t most) noexcept {
    return std::uint64_t{most} << 32U;
  }
  [[nodiscard]] static std::uint64_t at_work_in(std::uint64_t word) noexcept {
    return word & ~std::uint32_t{0};
  }
  [[nodiscard]] static bool is_full(std::uint64_t word) noexcept {
    return at_work_in(word) >= word >> 32U;
  }
  [[nodiscard]] static std::size_t excess_in(std::uint64_t word) noexcept {
    const std::uint64_t now = at_work_in(word);
    return now - std::min(now, word >> 32U);
  }

  const std::uint32_t lanes_ = 0;
  // How many may be at work, and, in the lower half, how many are. seq_cst: changes are rare beside
  // tasks that are worth a limit.
  alignas(cache_line_size) atomic<std::uint64_t> word_{0};
};

}  // namespace millpool
