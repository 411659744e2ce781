// Layer 2 · channel: who is next. The data structure under task_channel, without its lock.
#pragma once

#include "millpool/base/assert.hpp"
#include "millpool/base/clock.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool {

/// Lanes 0 (the highest priority) to 7.
inline constexpr std::size_t lane_count = 8;

/// How the lower lanes are kept from starving. A lane whose oldest value has waited longer than
/// `bound` is served before the higher ones; of `share` values taken, at most one is served so, that
/// a flood of old low-priority values cannot turn the order upside down under overload.
struct aging {
  duration bound = std::chrono::seconds{1};
  std::uint32_t share = 8;
};

/// Values in eight lanes, first in first out in each; any value can be taken out of the middle.
///
/// Invariants
///   I1  bit i of occupied_ is set <=> lane i holds a value.
///   I2  every slot is in exactly one list: one lane's, or the free one; size_ counts the former.
///   I3  in a lane, values lie in the order in which they came: head the oldest, tail the newest.
/// Thread safety  none: task_channel holds its lock around every call.
/// Complexity     O(1), but for the take_... that search, which are O(size). Slots are allocated as
///                the number of waiting values first reaches them, and reused ever after.
/// Exceptions     emplace: std::bad_alloc, and nothing has changed. The rest never throws.
template <class T>
class priority_lanes {
  static_assert(std::is_nothrow_move_constructible_v<T>, "lanes move values without a way back");

 public:
  explicit priority_lanes(aging rule) noexcept : aging_{rule} {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size(std::size_t lane) const noexcept { return lanes_[lane].size; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  /// When the value came that has waited longest in any lane; nothing if there is none.
  [[nodiscard]] std::optional<time_point> oldest() const noexcept;

  /// Makes room for `count` more values, so that the next `count` emplaces cannot throw.
  void reserve(std::size_t count);

  /// \param  lane  0 (highest) to 7.
  void emplace(T&& value, std::size_t lane, time_point now);

  /// Takes the next value: of the highest lane, unless aging serves a lower one. REQUIRES: !empty().
  /// \param  time  read only when more than one lane holds values.
  T take_next(const clock& time) noexcept;

  /// Takes the value that came first, of all lanes. REQUIRES: !empty().
  T take_oldest() noexcept;

  /// Takes the newest value of the lowest occupied lane, if that lane is lower than `lane`.
  std::optional<T> take_lowest_below(std::size_t lane) noexcept;

  /// Takes the newest value for which `wanted(const T&)` holds.
  template <class Predicate>
  std::optional<T> take_newest_if(Predicate wanted) noexcept;

 private:
  static constexpr std::uint32_t nil = std::numeric_limits<std::uint32_t>::max();

  struct slot {
    std::optional<T> value;
    time_point came;
    std::uint32_t before = nil;  // towards the head; unused in the free list
    std::uint32_t after = nil;   // towards the tail
  };
  struct list {
    std::uint32_t head = nil;
    std::uint32_t tail = nil;
    std::size_t size = 0;
  };
  static constexpr std::size_t slots_in_block = 64;

  [[nodiscard]] slot& at(std::uint32_t index) noexcept {
    return blocks_[index / slots_in_block][index % slots_in_block];
  }
  [[nodiscard]] const slot& at(std::uint32_t index) const noexcept {
    return blocks_[index / slots_in_block][index % slots_in_block];
  }
  [[nodiscard]] std::size_t highest() const noexcept {
    return static_cast<std::size_t>(std::countr_zero(occupied_));
  }
  [[nodiscard]] std::size_t lowest() const noexcept { return std::bit_width(occupied_) - 1u; }
  // The lane, `from` or lower, whose oldest value came first. REQUIRES: one of them holds values.
  [[nodiscard]] std::size_t oldest_lane(std::size_t from) const noexcept;
  [[nodiscard]] std::size_t lane_to_serve(const clock& time) noexcept;
  T take(std::size_t lane, std::uint32_t index) noexcept;

  aging aging_;
  std::array<list, lane_count> lanes_{};
  std::uint32_t occupied_ = 0;  // I1
  std::size_t size_ = 0;
  std::uint32_t free_ = nil;  // I2: linked by `after`
  std::uint32_t takes_since_aged_ = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::unique_ptr<slot[]>> blocks_;  // blocks never move: a slot keeps its index
};

// ---------------------------------------------------------------------------------------------------

template <class T>
void priority_lanes<T>::reserve(std::size_t count) {
  while (blocks_.size() * slots_in_block - size_ < count) {
    const auto first = static_cast<std::uint32_t>(blocks_.size() * slots_in_block);
    blocks_.push_back(std::make_unique<slot[]>(slots_in_block));
    for (std::uint32_t i = slots_in_block; i-- > 0;) {
      at(first + i).after = std::exchange(free_, first + i);
    }
  }
}

template <class T>
void priority_lanes<T>::emplace(T&& value, std::size_t lane, time_point now) {
  MILLPOOL_ASSERT(lane < lane_count, "a lane is 0 (the highest) to 7");
  reserve(1);
  const std::uint32_t index = free_;
  slot& fresh = at(index);
  free_ = fresh.after;
  list& to = lanes_[lane];
  fresh.value.emplace(std::move(value));
  fresh.came = now;
  fresh.after = nil;
  fresh.before = std::exchange(to.tail, index);  // I3
  (fresh.before == nil ? to.head : at(fresh.before).after) = index;
  ++to.size;
  ++size_;
  occupied_ |= 1u << lane;  // I1
}

template <class T>
T priority_lanes<T>::take(std::size_t lane, std::uint32_t index) noexcept {
  slot& leaving = at(index);
  list& from = lanes_[lane];
  (leaving.before == nil ? from.head : at(leaving.before).after) = leaving.after;
  (leaving.after == nil ? from.tail : at(leaving.after).before) = leaving.before;
  if (--from.size == 0) occupied_ &= ~(1u << lane);  // I1
  --size_;
  T value = std::move(*leaving.value);
  leaving.value.reset();
  leaving.after = std::exchange(free_, index);  // I2
  return value;
}

template <class T>
T priority_lanes<T>::take_next(const clock& time) noexcept {
  const std::size_t lane = lane_to_serve(time);
  return take(lane, lanes_[lane].head);
}

template <class T>
std::size_t priority_lanes<T>::lane_to_serve(const clock& time) noexcept {
  if (takes_since_aged_ < std::numeric_limits<std::uint32_t>::max()) ++takes_since_aged_;
  const std::size_t top = highest();
  if (top == lowest() || takes_since_aged_ < aging_.share) return top;
  const std::size_t oldest = oldest_lane(top + 1);
  if (time.now() - at(lanes_[oldest].head).came <= aging_.bound) return top;
  takes_since_aged_ = 0;
  return oldest;
}

template <class T>
std::size_t priority_lanes<T>::oldest_lane(std::size_t from) const noexcept {
  std::size_t oldest = lowest();
  for (std::size_t lane = from; lane < lowest(); ++lane) {
    if (lanes_[lane].head != nil && at(lanes_[lane].head).came < at(lanes_[oldest].head).came) {
      oldest = lane;
    }
  }
  return oldest;
}

template <class T>
std::optional<time_point> priority_lanes<T>::oldest() const noexcept {
  if (empty()) return std::nullopt;
  return at(lanes_[oldest_lane(0)].head).came;
}

template <class T>
T priority_lanes<T>::take_oldest() noexcept {
  const std::size_t lane = oldest_lane(0);
  return take(lane, lanes_[lane].head);
}

template <class T>
std::optional<T> priority_lanes<T>::take_lowest_below(std::size_t lane) noexcept {
  if (empty() || lowest() <= lane) return std::nullopt;
  const std::size_t victim = lowest();
  return take(victim, lanes_[victim].tail);
}

template <class T>
template <class Predicate>
std::optional<T> priority_lanes<T>::take_newest_if(Predicate wanted) noexcept {
  std::size_t lane = lane_count;
  std::uint32_t newest = nil;
  for (std::size_t i = 0; i < lane_count; ++i) {
    for (std::uint32_t index = lanes_[i].tail; index != nil; index = at(index).before) {
      if (!wanted(std::as_const(*at(index).value))) continue;
      if (newest == nil || at(index).came > at(newest).came) {
        lane = i;
        newest = index;
      }
      break;  // I3: nothing newer in this lane
    }
  }
  if (newest == nil) return std::nullopt;
  return take(lane, newest);
}

}  // namespace millpool
