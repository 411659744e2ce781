// Layer 2 · channel: the values of one priority that have no key, in a row.
#pragma once

#include "millpool/base/cache_line.hpp"
#include "millpool/base/clock.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace millpool {

/// First in, first out, in memory that is used again and again: what a task passes through when
/// nothing is special about it. One can also be taken out of the middle.
///
/// Positions      the values lie from first_ to before next_, and go on at slots_ behind end_.
/// Thread safety  none: task_channel holds its lock around every call.
/// Complexity     O(1), but for take_at(), which moves all that came after.
/// Allocation     32 slots at first, twice as many when they are full; shrink() gives all others
///                back.
template <class T>
class lane_ring {
  static_assert(std::is_nothrow_move_constructible_v<T>, "a ring moves values without a way back");

 public:
  lane_ring() noexcept = default;
  lane_ring(const lane_ring&) = delete;
  lane_ring& operator=(const lane_ring&) = delete;
  ~lane_ring() {
    while (!empty()) (void)take_first();
    free(slots_, slot_count_);
  }

  [[nodiscard]] bool full() const noexcept { return size_ == slot_count_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// When the value came that stands `i` places behind the first. REQUIRES: i < size().
  [[nodiscard]] time_point came(std::size_t i = 0) const noexcept { return at(i)->came; }
  [[nodiscard]] const T& value(std::size_t i) const noexcept { return *at(i)->get(); }

  /// Makes room for `count` more, so that the next `count` push() calls cannot throw.
  void reserve(std::size_t count) {
    if (count > slot_count_ - size_) [[unlikely]]
      move_to_new_slots(size_ + count);
  }

  /// REQUIRES: reserve(1), or !full().
  void push(T&& value, time_point came) noexcept {
    slot* const to = next_;
    std::construct_at(to->get(), std::move(value));
    to->came = came;
    next_ = after(to);
    ++size_;
    // The line that will be written some tasks later: at hand by then, where consumers have had it.
    prefetch_for_write(to + slots_ahead);
  }

  /// REQUIRES: !empty().
  [[nodiscard]] T take_first() noexcept {
    slot* const from = std::exchange(first_, after(first_));
    --size_;
    return take_out(*from);
  }
  [[nodiscard]] T take_last() noexcept {
    next_ = (next_ == slots_ ? end_ : next_) - 1;
    --size_;
    return take_out(*next_);
  }

  /// Takes the first `count`: take(T&&, time_point) for each, which must not throw.
  /// REQUIRES: count <= size().
  template <class Take>
  void take_first(std::size_t count, Take take) noexcept {
    slot* from = first_;
    const std::size_t in_a_row = std::min(count, static_cast<std::size_t>(end_ - from));
    from = take_row(from, in_a_row, take);
    if (from == end_) from = take_row(slots_, count - in_a_row, take);
    first_ = from;
    size_ -= count;
  }

  /// REQUIRES: i < size().
  [[nodiscard]] T take_at(std::size_t i) noexcept {
    slot* hole = at(i);
    T value = take_out(*hole);
    for (++i; i != size_; ++i) {
      slot* const from = at(i);
      std::construct_at(hole->get(), take_out(*from));
      hole->came = from->came;
      hole = from;
    }
    next_ = hole;
    --size_;
    return value;
  }

  /// Gives memory back that a burst needed, but for some slots. REQUIRES: empty().
  void shrink() noexcept {
    if (slot_count_ > kept_slots) [[unlikely]]
      shrink_to_first_slots();
  }

 private:
  static constexpr std::size_t first_slots = 32;
  static constexpr std::size_t kept_slots = 4096;
  // So many more lie behind end_ and hold nothing, for push() to look ahead without a turn.
  static constexpr std::size_t slots_ahead = 16;

  struct slot {
    alignas(T) std::byte value[sizeof(T)];
    time_point came;

    [[nodiscard]] T* get() noexcept { return std::launder(reinterpret_cast<T*>(value)); }
    [[nodiscard]] const T* get() const noexcept {
      return std::launder(reinterpret_cast<const T*>(value));
    }
  };

  [[nodiscard]] slot* after(slot* each) const noexcept {
    return each + 1 == end_ ? slots_ : each + 1;
  }
  [[nodiscard]] slot* at(std::size_t i) const noexcept {
    const auto in_a_row = static_cast<std::size_t>(end_ - first_);
    return i < in_a_row ? first_ + i : slots_ + (i - in_a_row);
  }

  static T take_out(slot& from) noexcept {
    T value = std::move(*from.get());
    std::destroy_at(from.get());
    return value;
  }
  // The value is out of its slot before take() sees it: what is just moved from, a compiler knows,
  // needs no destructor.
  template <class Take>
  static slot* take_row(slot* from, std::size_t count, Take& take) noexcept {
    for (slot* const end = from + count; from != end; ++from) {
      T value = take_out(*from);
      take(std::move(value), from->came);
    }
    return from;
  }

  // Apart, so that the way of a value that finds room stays short.
  [[gnu::noinline]] void move_to_new_slots(std::size_t needed) {
    const std::size_t count = std::bit_ceil(std::max(needed, first_slots));
    auto* const fresh = std::allocator<slot>{}.allocate(count + slots_ahead);
    for (std::size_t i = 0; i < size_; ++i) {
      slot& from = *at(i);
      std::construct_at(std::construct_at(&fresh[i])->get(), take_out(from));
      fresh[i].came = from.came;
    }
    free(slots_, std::exchange(slot_count_, count));
    slots_ = first_ = fresh;
    end_ = fresh + count;
    next_ = fresh + size_;
  }

  [[gnu::noinline]] void shrink_to_first_slots() noexcept {
    try {
      move_to_new_slots(first_slots);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
      // It keeps what it has, and may be luckier the next time.
    }
  }

  [[gnu::noinline]] static void free(slot* slots, std::size_t count) noexcept {
    if (slots != nullptr) std::allocator<slot>{}.deallocate(slots, count + slots_ahead);
  }

  slot* slots_ = nullptr;
  slot* end_ = nullptr;
  slot* first_ = nullptr;
  slot* next_ = nullptr;  // where the next value goes
  std::size_t size_ = 0;
  std::size_t slot_count_ = 0;
};

}  // namespace millpool
