// Layer 2 · channel: the values of one priority that have no key, in a row.
#pragma once

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
/// Positions      head_ <= i < tail_ hold values; slot i lies at i modulo the size, a power of two.
///                Both only grow, and may wrap.
/// Thread safety  none: task_channel holds its lock around every call.
/// Complexity     O(1), but for take_at(), which moves all that came after.
/// Allocation     32 slots at first, twice as many when they are full; shrink() gives them back.
template <class T>
class lane_ring {
  static_assert(std::is_nothrow_move_constructible_v<T>, "a ring moves values without a way back");

 public:
  lane_ring() noexcept = default;
  lane_ring(const lane_ring&) = delete;
  lane_ring& operator=(const lane_ring&) = delete;
  ~lane_ring() {
    while (!empty()) (void)take_first();
    free(slots_, size_of_ring());
  }

  [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
  [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }

  /// When the value came that stands `i` places behind the first. REQUIRES: i < size().
  [[nodiscard]] time_point came(std::size_t i = 0) const noexcept { return at(head_ + i).came; }
  [[nodiscard]] const T& value(std::size_t i) const noexcept { return *at(head_ + i).get(); }

  /// Makes room for `count` more, so that the next `count` push() calls cannot throw.
  void reserve(std::size_t count) {
    if (size() + count > size_of_ring()) grow(size() + count);
  }

  /// REQUIRES: reserve(1).
  void push(T&& value, time_point came) noexcept {
    slot& to = at(tail_);
    std::construct_at(to.get(), std::move(value));
    to.came = came;
    ++tail_;
    // The line that will be written some tasks later: owned by then, where consumers have read it.
    __builtin_prefetch(&at(tail_ + slots_ahead), 1);
  }

  /// REQUIRES: !empty().
  [[nodiscard]] T take_first() noexcept { return take_out(at(head_++)); }
  [[nodiscard]] T take_last() noexcept { return take_out(at(--tail_)); }

  /// REQUIRES: i < size().
  [[nodiscard]] T take_at(std::size_t i) noexcept {
    std::size_t hole = head_ + i;
    T value = take_out(at(hole));
    for (--tail_; hole != tail_; ++hole) {
      slot& from = at(hole + 1);
      std::construct_at(at(hole).get(), take_out(from));
      at(hole).came = from.came;
    }
    return value;
  }

  /// Gives memory back that a burst needed. REQUIRES: empty().
  void shrink() noexcept {
    if (size_of_ring() <= kept_slots) return;
    free(slots_, size_of_ring());
    slots_ = nullptr;
    mask_ = 0;
  }

 private:
  static constexpr std::size_t first_slots = 32;
  static constexpr std::size_t kept_slots = 4096;
  static constexpr std::size_t slots_ahead = 16;

  struct slot {
    alignas(T) std::byte value[sizeof(T)];
    time_point came;

    [[nodiscard]] T* get() noexcept { return std::launder(reinterpret_cast<T*>(value)); }
    [[nodiscard]] const T* get() const noexcept {
      return std::launder(reinterpret_cast<const T*>(value));
    }
  };

  [[nodiscard]] slot& at(std::size_t i) const noexcept { return slots_[i & mask_]; }
  [[nodiscard]] std::size_t size_of_ring() const noexcept {
    return slots_ == nullptr ? 0 : mask_ + 1;
  }

  static T take_out(slot& from) noexcept {
    T value = std::move(*from.get());
    std::destroy_at(from.get());
    return value;
  }

  void grow(std::size_t needed) {
    const std::size_t size = std::bit_ceil(std::max(needed, first_slots));
    auto* const fresh = std::allocator<slot>{}.allocate(size);
    const std::size_t count = this->size();
    const std::size_t size_before = size_of_ring();
    for (std::size_t i = 0; i < count; ++i) {
      slot& from = at(head_ + i);
      std::construct_at(std::construct_at(&fresh[i])->get(), take_out(from));
      fresh[i].came = from.came;
    }
    free(std::exchange(slots_, fresh), size_before);
    mask_ = size - 1;
    head_ = 0;
    tail_ = count;
  }

  static void free(slot* slots, std::size_t size) noexcept {
    if (slots != nullptr) std::allocator<slot>{}.deallocate(slots, size);
  }

  slot* slots_ = nullptr;
  std::size_t mask_ = 0;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace millpool
