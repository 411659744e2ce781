#include "millpool/policy/codel.hpp"

#include <algorithm>
#include <stdexcept>

namespace millpool {
namespace {

[[nodiscard]] codel_options checked(const codel_options& options) {
  if (options.target <= duration::zero())
    throw std::invalid_argument{"codel: target must be above 0"};
  if (options.interval < options.target)
    throw std::invalid_argument{"codel: interval is below target: no wait would be a short one"};
  if (options.time == nullptr) throw std::invalid_argument{"codel: time must be a clock"};
  return options;
}

}  // namespace

codel::codel(codel_options options) : options_{checked(options)} {}

bool codel::should_shed(duration waited) noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  if (now >= interval_ends_) {
    // An interval in which nothing came, after this one, was none of overload.
    overloaded_ = shortest_ > options_.target && now < interval_ends_ + options_.interval;
    interval_ends_ = now + options_.interval;
    shortest_ = waited;
    return false;  // one is not enough to tell
  }
  shortest_ = std::min(shortest_, waited);
  return overloaded_ && waited > 2 * options_.target;
}

bool codel::is_overloaded() const noexcept {
  const lock_guard lock{mutex_};
  return overloaded_;
}

double codel::pressure() const noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  if (now >= interval_ends_ + options_.interval) return 0.0;
  return static_cast<double>(shortest_.count()) /
         (2.0 * static_cast<double>(options_.target.count()));
}

}  // namespace millpool
