#include "src/pool/lane_codel.hpp"

#include <algorithm>

namespace millpool {

bool lane_codel::look(time_point now, const waits& waited) noexcept {
  if (!last_look_) {
    shortest_ = waited;
  } else {
    passed_ += std::min(now - *last_look_, 2 * period_);
    std::ranges::transform(shortest_, waited, shortest_.begin(),
                           [](duration a, duration b) { return std::min(a, b); });
  }
  last_look_ = now;
  if (passed_ < interval_) return false;
  const auto highest =
      std::ranges::find_if(shortest_, [&](duration shortest) { return shortest > target_; });
  standing_.reset();
  if (highest != shortest_.end()) {
    standing_ = static_cast<std::size_t>(highest - shortest_.begin());
  }
  passed_ = {};
  shortest_ = waited;  // the next interval begins with the look that ended this one
  return true;
}

void lane_codel::forget() noexcept {
  last_look_.reset();
  standing_.reset();
  passed_ = {};
}

}  // namespace millpool
