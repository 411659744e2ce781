#include "src/policy/outcome_window.hpp"

#include <algorithm>

namespace millpool {
namespace {

// An outcome, in a byte.
constexpr std::uint8_t is_failed = 1;
constexpr std::uint8_t is_slow = 2;
constexpr std::uint8_t nothing = 4;

[[nodiscard]] std::int64_t second_of(time_point now) noexcept {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace

outcome_window::outcome_window(const sliding_window& size)
    : by_time_{size.by == sliding_window::unit::time},
      outcomes_(by_time_ ? 0 : size.size, nothing),
      seconds_(by_time_ ? size.size : 0) {}

void outcome_window::record(time_point now, bool failed, bool slow) noexcept {
  if (by_time_) {
    move_to(now);
    seconds_[static_cast<std::size_t>(second_) % seconds_.size()].add(failed, slow);
  } else {
    std::uint8_t& oldest = outcomes_[next_];
    if (oldest != nothing) {
      take_out({1, (oldest & is_failed) != 0 ? 1U : 0U, (oldest & is_slow) != 0 ? 1U : 0U});
    }
    oldest = static_cast<std::uint8_t>((failed ? is_failed : 0) | (slow ? is_slow : 0));
    next_ = next_ + 1 == outcomes_.size() ? 0 : next_ + 1;
  }
  total_.add(failed, slow);
}

void outcome_window::record_many(time_point now, std::uint64_t calls, bool failed) noexcept {
  if (by_time_) {
    move_to(now);
    const outcome_counts more{calls, failed ? calls : 0, 0};
    outcome_counts& newest = seconds_[static_cast<std::size_t>(second_) % seconds_.size()];
    for (outcome_counts* const sum : {&newest, &total_}) {
      sum->calls += more.calls;
      sum->failed += more.failed;
    }
    return;
  }
  // Those beyond the window's size would be the oldest, and leave it.
  for (auto left = std::min<std::uint64_t>(calls, outcomes_.size()); left > 0; --left) {
    record(now, failed, false);
  }
}

const outcome_counts& outcome_window::at(time_point now) noexcept {
  if (by_time_) move_to(now);
  return total_;
}

void outcome_window::clear() noexcept {
  std::ranges::fill(outcomes_, nothing);
  std::ranges::fill(seconds_, outcome_counts{});
  total_ = {};
}

// Empties the places of the seconds that have come since. A clock never goes back; a thread that
// read it before another may come after it, and its call then counts in the newest second.
void outcome_window::move_to(time_point now) noexcept {
  const std::int64_t to = second_of(now);
  const auto length = static_cast<std::int64_t>(seconds_.size());
  for (std::int64_t each = std::max(second_ + 1, to - length + 1); each <= to; ++each) {
    outcome_counts& place = seconds_[static_cast<std::size_t>(each % length)];
    take_out(place);
    place = {};
  }
  second_ = std::max(second_, to);
}

void outcome_window::take_out(const outcome_counts& gone) noexcept {
  total_.calls -= gone.calls;
  total_.failed -= gone.failed;
  total_.slow -= gone.slow;
}

}  // namespace millpool
