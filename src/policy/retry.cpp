#include "millpool/policy/retry.hpp"

#include "millpool/policy/hedge.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace millpool {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::invalid_argument{what};
}

}  // namespace

void retry_policy::check() const {
  require(max_attempts > 0, "retry_policy: max_attempts must be at least 1, is 0");
  require(backoff >= duration::zero(), "retry_policy: backoff must not be negative");
  require(multiplier >= 1.0 && std::isfinite(multiplier),
          "retry_policy: multiplier must be at least 1, is " + std::to_string(multiplier));
  require(max_delay >= backoff, "retry_policy: max_delay is below backoff");
}

void hedge_policy::check() const {
  require(after > duration::zero(), "hedge_policy: after must be above 0");
}

duration retry_policy::delay_after(unsigned attempt, std::uint64_t random) const noexcept {
  if (backoff == duration::zero()) return backoff;  // however often it is multiplied
  const double most = static_cast<double>(max_delay.count());
  const double grown = static_cast<double>(backoff.count()) *
                       std::pow(multiplier, static_cast<double>(attempt) - 1.0);
  const double delay = std::min(grown, most);
  // In [0, 1).
  const double part = static_cast<double>(random >> 11) * 0x1.0p-53;
  const double spread = jitter == randomness::none    ? 1.0
                        : jitter == randomness::equal ? 0.5 + part / 2
                                                      : part;
  return duration{static_cast<duration::rep>(delay * spread)};
}

retry_budget::retry_budget(double ratio, unsigned most_kept)
    : part_{static_cast<std::uint64_t>(ratio * static_cast<double>(whole))},
      most_{std::uint64_t{most_kept} * whole} {
  require(ratio >= 0.0 && ratio <= 1000.0,
          "retry_budget: ratio must be between 0 and 1000, is " + std::to_string(ratio));
}

void retry_budget::earn() noexcept {
  const lock_guard lock{mutex_};
  kept_ = std::min(kept_ + part_, most_);
}

bool retry_budget::try_spend() noexcept {
  const lock_guard lock{mutex_};
  if (kept_ < whole) return false;
  kept_ -= whole;
  return true;
}

unsigned retry_budget::available() const noexcept {
  const lock_guard lock{mutex_};
  return static_cast<unsigned>(kept_ / whole);
}

}  // namespace millpool
