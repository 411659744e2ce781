#include "millpool/policy/bulkhead.hpp"

#include "millpool/base/assert.hpp"

namespace millpool {

bulkhead::~bulkhead() { MILLPOOL_ASSERT(in_use() == 0, "a bulkhead outlives its permits"); }

std::expected<permit, submit_errc> bulkhead::try_acquire(std::uint64_t weight) noexcept {
  MILLPOOL_ASSERT(weight > 0, "a permit weighs at least 1");
  const lock_guard lock{mutex_};
  // The sum of the two could overflow, and after set_limit() so could the difference.
  if (in_use_ > limit_ || weight > limit_ - in_use_)
    return std::unexpected{submit_errc::limit_exceeded};
  in_use_ += weight;
  return make_permit(weight, {});
}

// It learns nothing from how its permits end.
void bulkhead::take_back(std::uint64_t weight, time_point, bool) noexcept {
  const lock_guard lock{mutex_};
  in_use_ -= weight;
}

void bulkhead::set_limit(std::uint64_t limit) noexcept {
  const lock_guard lock{mutex_};
  limit_ = limit;
}

std::uint64_t bulkhead::limit() const noexcept {
  const lock_guard lock{mutex_};
  return limit_;
}

std::uint64_t bulkhead::in_use() const noexcept {
  const lock_guard lock{mutex_};
  return in_use_;
}

}  // namespace millpool
