// Layer 3 · pool: the options that may change while the pool runs, as its threads read them.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/pool/pool_options.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace millpool {

/// What a submission that finds the channel full goes by: when_full and block_for in one word, so
/// that it never sees one of them new and the other old.
class full_rule {
 public:
  full_rule(full_policy policy, duration block_for) noexcept
      : word_{static_cast<std::uint64_t>(std::min(block_for, longest).count()) << policy_bits |
              static_cast<std::uint64_t>(policy)} {}
  explicit full_rule(const pool_options& of) noexcept : full_rule{of.when_full, of.block_for} {}
  explicit full_rule(std::uint64_t word) noexcept : word_{word} {}

  [[nodiscard]] std::uint64_t word() const noexcept { return word_; }

  [[nodiscard]] full_policy policy() const noexcept {
    return static_cast<full_policy>(word_ & ((1U << policy_bits) - 1));
  }
  [[nodiscard]] duration block_for() const noexcept {
    return duration{static_cast<duration::rep>(word_ >> policy_bits)};
  }
  friend bool operator==(const full_rule&, const full_rule&) = default;

  /// Whether a task that waits may have to make room for another, and so must lie in the channel.
  [[nodiscard]] bool displaces() const noexcept {
    return policy() == full_policy::discard_oldest || policy() == full_policy::discard_lowest;
  }
  /// Whether a worker may keep what its tasks submit. Where a full channel is not simply waited
  /// for, it is the channel that must be full.
  [[nodiscard]] bool lets_workers_keep() const noexcept {
    return policy() == full_policy::block || policy() == full_policy::block_for ||
           policy() == full_policy::caller_runs;
  }

 private:
  static constexpr int policy_bits = 3;
  static constexpr duration longest = duration::max() / (1 << policy_bits);  // some 36 years

  std::uint64_t word_;
};

/// Written by reconfigure() under pool_core's options_mutex_, read by anyone.
///
/// Ordering  relaxed, all: each is a number by itself. Who waits by an old value is woken by a lock
///           that is taken after the store, and then reads the new one.
class settings {
 public:
  explicit settings(const pool_options& options) noexcept
      : when_full_{full_rule{options}.word()},
        keep_alive_{options.keep_alive.count()},
        delayed_capacity_{options.delayed_capacity},
        max_compensation_{options.max_compensation},
        aging_bound_{options.aging.bound.count()},
        aging_share_{options.aging.share} {}

  void change_to(const pool_options& options) noexcept {
    when_full_.store(full_rule{options}.word(), std::memory_order_relaxed);
    keep_alive_.store(options.keep_alive.count(), std::memory_order_relaxed);
    delayed_capacity_.store(options.delayed_capacity, std::memory_order_relaxed);
    max_compensation_.store(options.max_compensation, std::memory_order_relaxed);
    aging_bound_.store(options.aging.bound.count(), std::memory_order_relaxed);
    aging_share_.store(options.aging.share, std::memory_order_relaxed);
  }

  [[nodiscard]] full_rule when_full() const noexcept {
    return full_rule{when_full_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] duration keep_alive() const noexcept {
    return duration{keep_alive_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] std::size_t delayed_capacity() const noexcept {
    return delayed_capacity_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t max_compensation() const noexcept {
    return max_compensation_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] millpool::aging aging() const noexcept {
    return {duration{aging_bound_.load(std::memory_order_relaxed)},
            aging_share_.load(std::memory_order_relaxed)};
  }

 private:
  atomic<std::uint64_t> when_full_;
  atomic<duration::rep> keep_alive_;
  atomic<std::size_t> delayed_capacity_;
  atomic<std::size_t> max_compensation_;
  atomic<duration::rep> aging_bound_;
  atomic<std::uint32_t> aging_share_;
};

}  // namespace millpool
