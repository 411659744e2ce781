// Layer 4 · policy: how the calls of late have ended.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/policy/circuit_breaker.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millpool {

/// How many calls there were, and of what kind.
struct outcome_counts {
  std::size_t calls = 0;
  std::size_t failed = 0;
  std::size_t slow = 0;

  void add(bool is_failed, bool is_slow) noexcept {
    ++calls;
    failed += is_failed;
    slow += is_slow;
  }
};

/// Counts of calls in a window. O(1) a call; looking costs a step for each second that has passed
/// since, up to the window's length.
///
/// Thread safety  none.
/// Source         resilience4j: a ring of outcomes for count, a ring of sums a second for time.
class outcome_window {
 public:
  explicit outcome_window(const sliding_window& size);

  void record(time_point now, bool failed, bool slow) noexcept;
  /// So many that were not slow, at once. O(calls), but no more than the window holds.
  void record_many(time_point now, std::uint64_t calls, bool failed) noexcept;
  /// Leaves out what is too old by `now`.
  [[nodiscard]] const outcome_counts& at(time_point now) noexcept;
  void clear() noexcept;

 private:
  void move_to(time_point now) noexcept;
  void take_out(const outcome_counts& gone) noexcept;

  bool by_time_;
  // By count: an outcome each. By time: the sum of a second each.
  std::vector<std::uint8_t> outcomes_;
  std::vector<outcome_counts> seconds_;
  std::size_t next_ = 0;     // by count: the place of the next outcome
  std::int64_t second_ = 0;  // by time: the newest that has a place
  outcome_counts total_;
};

}  // namespace millpool
