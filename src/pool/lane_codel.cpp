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
  ++looks_;
  if (standing_ && std::ranges::none_of(waited.begin(), waited.begin() + *standing_ + 1,
                                        [](duration wait) { return wait > duration::zero(); })) {
    ++idle_;
  }
  if (passed_ < interval_) return false;
  const auto found =
      std::ranges::find_if(shortest_, [&](duration shortest) { return shortest > target_; });
  const auto highest = static_cast<std::size_t>(found - shortest_.begin());
  if (!still_stands() || highest < *standing_) {
    standing_.reset();
    if (highest < lane_count) standing_ = highest;
  }
  passed_ = {};
  looks_ = 0;
  idle_ = 0;
  shortest_ = waited;  // the next interval begins with the look that ended this one
  return true;
}

bool lane_codel::still_stands() const noexcept {
  constexpr std::size_t of_so_many = 8;
  return standing_ && of_so_many * idle_ <= looks_;
}

void lane_codel::forget() noexcept {
  last_look_.reset();
  standing_.reset();
  passed_ = {};
  looks_ = 0;
  idle_ = 0;
}

}  // namespace millpool
