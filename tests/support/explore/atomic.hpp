// Support for models: what millpool::atomic is under MILLPOOL_EXPLORE.
#pragma once

#include "explore/scheduler.hpp"

#include <atomic>
#include <type_traits>

namespace millpool {

/// Like std::atomic, but other threads run only between operations, where the explorer says so. All
/// operations are sequentially consistent, whatever order they ask for.
template <class T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  atomic() noexcept = default;
  atomic(T value) noexcept
      : value_{value} {}  // NOLINT(google-explicit-constructor): as std::atomic
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  [[nodiscard]] T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    explore::step("load", this);
    return value_;
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    explore::step("store", this);
    value_ = value;
  }
  T operator=(T value) noexcept {  // NOLINT(misc-unconventional-assign-operator): as std::atomic
    store(value);
    return value;
  }
  operator T() const noexcept { return load(); }  // NOLINT(google-explicit-constructor)

  T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    return change("exchange", [&](T) { return value; });
  }
  T fetch_add(T by, std::memory_order = std::memory_order_seq_cst) noexcept {
    return change("fetch_add", [&](T before) { return static_cast<T>(before + by); });
  }
  T fetch_sub(T by, std::memory_order = std::memory_order_seq_cst) noexcept {
    return change("fetch_sub", [&](T before) { return static_cast<T>(before - by); });
  }
  T fetch_or(T with, std::memory_order = std::memory_order_seq_cst) noexcept {
    return change("fetch_or", [&](T before) { return static_cast<T>(before | with); });
  }
  T fetch_and(T with, std::memory_order = std::memory_order_seq_cst) noexcept {
    return change("fetch_and", [&](T before) { return static_cast<T>(before & with); });
  }

  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    explore::step("compare_exchange", this);
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    if (explore::planted(explore::fault::rmw_is_load_and_store)) explore::step("... stores", this);
    value_ = desired;
    return true;
  }
  /// Never fails without a reason.
  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order success = std::memory_order_seq_cst,
                             std::memory_order failure = std::memory_order_seq_cst) noexcept {
    return compare_exchange_strong(expected, desired, success, failure);
  }

 private:
  template <class Change>
  T change(const char* operation, Change to) noexcept {
    explore::step(operation, this);
    const T before = value_;
    if (explore::planted(explore::fault::rmw_is_load_and_store)) explore::step("... stores", this);
    value_ = to(before);
    return before;
  }

  T value_{};
};

}  // namespace millpool
