// Layer 0 · base: range-for over what can be popped.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace millpool {

/// An input iterator over a `Source` whose pop() returns an optional: each step pops, and waits as
/// pop() does; the end is reached when pop() returns nothing.
///
/// Lifetime  does not outlive its source.
template <class Source, class T>
class pop_iterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  /// Pops the first value.
  explicit pop_iterator(Source& source) : source_{&source}, current_{source.pop()} {}

  /// The value that was popped: the loop's own, to be moved from at will. Lasts until the next
  /// step.
  [[nodiscard]] T& operator*() const noexcept { return *current_; }
  [[nodiscard]] T* operator->() const noexcept { return &*current_; }

  pop_iterator& operator++() {
    current_.reset();  // the old value goes before the wait for the next
    if (auto next = source_->pop()) current_.emplace(std::move(*next));
    return *this;
  }
  void operator++(int) { ++*this; }

  friend bool operator==(const pop_iterator& at, std::default_sentinel_t) noexcept {
    return !at.current_.has_value();
  }

 private:
  Source* source_;
  mutable std::optional<T> current_;  // a const iterator gives the same T&, as any iterator does
};

}  // namespace millpool
