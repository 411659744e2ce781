#include "millpool/policy/rate_limiter.hpp"

#include "millpool/base/assert.hpp"

#include <algorithm>
#include <stdexcept>

namespace millpool {
namespace {

[[nodiscard]] rate_limiter_options checked(rate_limiter_options options) {
  if (options.permits == 0)
    throw std::invalid_argument{"rate_limiter: permits must be at least 1, is 0"};
  if (options.per <= duration::zero())
    throw std::invalid_argument{"rate_limiter: per must be above 0"};
  if (options.time == nullptr) throw std::invalid_argument{"rate_limiter: time must be a clock"};
  if (options.burst == 0) options.burst = options.permits;
  return options;
}

}  // namespace

rate_limiter::rate_limiter(rate_limiter_options options)
    : options_{checked(options)}, credit_{price(options_.burst)}, then_{options_.time->now()} {}

rate_limiter::credit rate_limiter::price(std::uint64_t weight) const noexcept {
  return credit{weight} * static_cast<std::uint64_t>(options_.per.count());
}

// Nothing overflows: both factors of each product have at most 64 bits, and the sum is at most
// twice the one that is cut off, which has at most 127.
rate_limiter::credit rate_limiter::credit_at(time_point now) const noexcept {
  if (now <= then_) return credit_;  // it read the clock before somebody else did
  const credit earned =
      credit{static_cast<std::uint64_t>((now - then_).count())} * options_.permits;
  const credit most = price(options_.burst);
  return earned >= most - credit_ ? most : credit_ + earned;
}

std::expected<void, submit_errc> rate_limiter::try_acquire(std::uint64_t weight) noexcept {
  MILLPOOL_ASSERT(weight > 0, "what is taken weighs at least 1");
  const time_point now = options_.time->now();
  const credit asked = price(weight);
  const lock_guard lock{mutex_};
  const credit there = credit_at(now);
  if (asked > there) return std::unexpected{submit_errc::rate_limited};
  credit_ = there - asked;
  then_ = std::max(then_, now);
  return {};
}

duration rate_limiter::wait_for(std::uint64_t weight) const noexcept {
  if (weight > options_.burst) return duration::max();
  const time_point now = options_.time->now();
  const credit asked = price(weight);
  const lock_guard lock{mutex_};
  const credit there = credit_at(now);
  if (asked <= there) return duration::zero();
  const credit wait = (asked - there + options_.permits - 1) / options_.permits;
  const auto most = static_cast<std::uint64_t>(duration::max().count());
  return duration{static_cast<duration::rep>(std::min<credit>(wait, most))};
}

std::uint64_t rate_limiter::available() const noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  return static_cast<std::uint64_t>(credit_at(now) /
                                    static_cast<std::uint64_t>(options_.per.count()));
}

}  // namespace millpool
