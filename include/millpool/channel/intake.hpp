// Layer 2 · channel: where producers leave values without the channel's lock. Next stop:
// task_channel.hpp, whose consumers collect them.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/channel/lane_shadow.hpp"
#include "millpool/sync/mutex.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

namespace millpool {

/// The front of a channel: a short row of values that came and were not looked at yet. It has a
/// lock and a line of its own, so that a producer meets other producers, and only now and then who
/// holds the channel's lock: that one is its collector. The collector takes all that came at once,
/// and grants places for what comes next.
///
/// Owners          the row that is filled, and the places: mutex_'s. The row that was collected,
///                 from first_ to before end_: the collector's.
///   granted --try_put()--> filled --collect()--> collected --take_first()--> the collector's
/// Invariants
///   I1  filled <= granted. So who grants no more places than are free never exceeds a bound,
///       however many come at once.
///   I2  a lane is shown in the shadow <=> a value of it is filled. It moves to the channel's half
///       in the step that collects it, so that it is shown all the time.
///   I3  values are collected in the order in which they were put.
/// Edges
///   E1  those of mutex_: what a producer did before try_put() --> who collects the value.
/// Lock order      the channel's, then mutex_.
/// Thread safety   try_put() and filled(): anybody. All else: the collector.
/// Allocation      try_allocate()'s, only: 18 KiB for words of three.
template <class T>
class intake {
  static_assert(std::is_nothrow_move_constructible_v<T>, "a row moves values without a way back");

 public:
  /// In values. What a collector takes at once holds producers up for no longer than two pointers
  /// take to swap.
  static constexpr std::size_t size = 256;

  /// \param  shadow  outlives the intake.
  explicit intake(lane_shadow& shadow) noexcept : shadow_{shadow} {}
  intake(const intake&) = delete;
  intake& operator=(const intake&) = delete;
  ~intake() {
    if (!is_allocated()) return;
    while (left() > 0) (void)take_first();
    (void)collect({});
    while (left() > 0) (void)take_first();
  }

  /// \param  waiting  set to about how many values wait in the channel, if not null.
  /// \return false: no place is granted, or not for this lane; `value` is as it was.
  [[nodiscard]] bool try_put(T&& value, std::size_t lane, time_point came,
                             std::size_t* waiting) noexcept {
    if (const std::unique_lock lock{mutex_, std::try_to_lock}; lock.owns_lock()) [[likely]] {
      return put(std::move(value), lane, came, waiting);
    }
    return put_when_unlocked(std::move(value), lane, came, waiting);
  }

  /// How many values are filled at some moment of the call.
  [[nodiscard]] std::size_t filled() const noexcept {
    const std::lock_guard lock{mutex_};
    return filled_;
  }

  // ---- the collector

  /// Nothing is granted before; so without memory the channel goes on without an intake.
  void try_allocate() noexcept {
    if (is_allocated()) return;
    std::unique_ptr<row> one{new (std::nothrow) row};
    std::unique_ptr<row> other{new (std::nothrow) row};
    if (one == nullptr || other == nullptr) return;
    collected_row_ = std::move(one);
    const std::lock_guard lock{mutex_};
    row_ = std::move(other);
  }
  [[nodiscard]] bool is_allocated() const noexcept { return collected_row_ != nullptr; }

  /// What the collector knows when it collects.
  struct terms {
    std::size_t free;        ///< places, for what was filled and for what comes next
    std::uint32_t lanes;     ///< bit i: values of lane i may come in
    std::ptrdiff_t waiting;  ///< about so many will be in the channel, beside what is collected
  };
  /// Collects all that is filled, and grants places: as many as there are more free ones than that.
  /// \return how many. REQUIRES: is_allocated(), left() == 0.
  std::size_t collect(const terms& now) noexcept {
    const std::lock_guard lock{mutex_};
    std::swap(row_, collected_row_);
    first_ = 0;
    end_ = std::exchange(filled_, 0);
    shadow_.collected(std::exchange(filled_lanes_, 0));  // I2
    granted_ = std::min(size, now.free - std::min(now.free, end_));
    granted_lanes_ = now.lanes;
    ahead_ = static_cast<std::size_t>(
        std::max(std::ptrdiff_t{0}, now.waiting + static_cast<std::ptrdiff_t>(end_)));
    return granted_;
  }

  /// Takes back what was granted and is not filled. \return how many are.
  std::size_t revoke() noexcept {
    const std::lock_guard lock{mutex_};
    return granted_ = filled_;
  }

  /// Of what was collected: how many are left, and the first.
  [[nodiscard]] std::size_t left() const noexcept { return end_ - first_; }
  [[nodiscard]] std::size_t lane() const noexcept { return collected_row_->lanes[first_]; }
  [[nodiscard]] time_point came() const noexcept { return collected_row_->slots[first_].came; }
  [[nodiscard]] T take_first() noexcept {
    slot& from = collected_row_->slots[first_++];
    T value = std::move(*from.get());
    std::destroy_at(from.get());
    return value;
  }
  /// The lanes of what is left. O(left())
  [[nodiscard]] std::uint32_t lanes_left() const noexcept {
    std::uint32_t lanes = 0;
    for (std::size_t i = first_; i != end_; ++i) lanes |= 1U << collected_row_->lanes[i];
    return lanes;
  }

 private:
  // So many more hold nothing: for put() to look ahead.
  static constexpr std::size_t slots_ahead = 16;

  struct slot {
    alignas(T) std::byte value[sizeof(T)];
    time_point came;

    [[nodiscard]] T* get() noexcept { return std::launder(reinterpret_cast<T*>(value)); }
  };
  struct row {
    std::array<slot, size + slots_ahead> slots;
    std::array<std::uint8_t, size> lanes;
  };

  // With mutex_ held.
  bool put(T&& value, std::size_t lane, time_point came, std::size_t* waiting) noexcept {
    if (filled_ == granted_ || (granted_lanes_ >> lane & 1U) == 0) [[unlikely]]
      return false;
    slot& to = row_->slots[filled_];
    std::construct_at(to.get(), std::move(value));
    to.came = came;
    row_->lanes[filled_] = static_cast<std::uint8_t>(lane);
    ++filled_;
    // The line that will be written some values later: the collector has had it.
    prefetch_for_write(&to + slots_ahead);
    if ((filled_lanes_ >> lane & 1U) == 0) {
      filled_lanes_ |= 1U << lane;
      shadow_.came(lane);  // I2
    }
    if (waiting != nullptr) *waiting = ahead_ + filled_;
    return true;
  }
  // Apart, so that the way of a value that meets nobody saves no register.
  [[gnu::noinline]] bool put_when_unlocked(T&& value, std::size_t lane, time_point came,
                                           std::size_t* waiting) noexcept {
    const std::lock_guard lock{mutex_};
    return put(std::move(value), lane, came, waiting);
  }

  // The producers' line.
  alignas(cache_line_size) mutable quick_mutex mutex_;
  std::uint32_t granted_lanes_ = 0;  // guarded by mutex_, as is all of this line
  std::uint32_t filled_lanes_ = 0;
  std::size_t filled_ = 0;
  std::size_t granted_ = 0;
  std::size_t ahead_ = 0;
  std::unique_ptr<row> row_;
  lane_shadow& shadow_;

  // The collector's.
  alignas(cache_line_size) std::unique_ptr<row> collected_row_;
  std::size_t first_ = 0;
  std::size_t end_ = 0;
};

}  // namespace millpool
