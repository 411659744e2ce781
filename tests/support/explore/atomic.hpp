// Support for models: what millpool::atomic is under MILLPOOL_EXPLORE.
#pragma once

#include "explore/scheduler.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace millpool {

/// Like std::atomic, but other threads run only between operations, where the explorer says so. All
/// operations are sequentially consistent, whatever order they ask for; but in a run with store
/// buffers, other threads see a store below seq_cst later than its own thread does.
template <class T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  atomic() noexcept = default;
  atomic(T value) noexcept
      : value_{value} {}  // NOLINT(google-explicit-constructor): as std::atomic
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  ~atomic() { explore::forget(this); }

  [[nodiscard]] T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    // From the own buffer: others can neither change that nor tell when it happens.
    if (const std::uint64_t* own = explore::kept_back(this)) return from_bits(*own);
    explore::step("load", this);
    return value_;
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
    if (may_be_late(order) && explore::keep_back(this, to_bits(value), store_late)) return;
    explore::step("store", this);
    explore::drain();
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
  T fetch_xor(T with, std::memory_order = std::memory_order_seq_cst) noexcept {
    return change("fetch_xor", [&](T before) { return static_cast<T>(before ^ with); });
  }

  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    explore::step("compare_exchange", this);
    explore::drain();
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
  static bool may_be_late(std::memory_order order) noexcept {
    return order != std::memory_order_seq_cst ||
           explore::planted(explore::fault::seq_cst_store_is_buffered);
  }
  static std::uint64_t to_bits(T value) noexcept {
    static_assert(sizeof(T) <= sizeof(std::uint64_t), "a store buffer keeps words");
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
  }
  static T from_bits(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  static void store_late(void* word, std::uint64_t bits) {
    static_cast<atomic*>(word)->value_ = from_bits(bits);
  }

  template <class Change>
  T change(const char* operation, Change to) noexcept {
    explore::step(operation, this);
    explore::drain();
    const T before = value_;
    if (explore::planted(explore::fault::rmw_is_load_and_store)) explore::step("... stores", this);
    value_ = to(before);
    return before;
  }

  T value_{};
};

}  // namespace millpool
