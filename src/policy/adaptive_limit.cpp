#include "millpool/policy/adaptive_limit.hpp"

#include "millpool/base/assert.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace millpool {
namespace {

[[nodiscard]] adaptive_limit_options checked(const adaptive_limit_options& o) {
  const auto number = [](auto value) { return std::to_string(value); };
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument{"adaptive_limit: " + what};
  };
  require(o.min_limit > 0, "min_limit must be at least 1, is 0");
  require(o.max_limit >= o.min_limit, "max_limit is " + number(o.max_limit) +
                                          ", less than min_limit, which is " + number(o.min_limit));
  require(o.initial_limit >= o.min_limit && o.initial_limit <= o.max_limit,
          "initial_limit is " + number(o.initial_limit) + ", not between min_limit and max_limit");
  require(o.tolerance >= 1.0 && std::isfinite(o.tolerance),
          "tolerance must be at least 1, is " + number(o.tolerance));
  require(o.smoothing > 0.0 && o.smoothing <= 1.0,
          "smoothing must be above 0 and at most 1, is " + number(o.smoothing));
  require(o.window > duration::zero(), "window must be above 0");
  require(o.probe_interval > o.window, "probe_interval is not above window");
  require(o.time != nullptr, "time must be a clock");
  return o;
}

}  // namespace

adaptive_limit::adaptive_limit(adaptive_limit_options options)
    : options_{checked(options)},
      limit_{static_cast<double>(options.initial_limit)},
      probe_wait_{std::min(4 * options_.window, options_.probe_interval)} {}

adaptive_limit::~adaptive_limit() {
  MILLPOOL_ASSERT(in_use() == 0, "an adaptive_limit outlives its permits");
}

std::expected<permit, submit_errc> adaptive_limit::try_acquire() noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  if (static_cast<double>(in_use_ + 1) > limit_)
    return std::unexpected{submit_errc::limit_exceeded};
  ++in_use_;
  return make_permit(1, now);
}

void adaptive_limit::take_back(std::uint64_t, time_point since, bool done) noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  most_in_use_ = std::max(most_in_use_, in_use_--);
  if (!done) return;
  latencies_ += static_cast<double>((now - since).count());
  if (++calls_ < enough_calls || now < ends_) return;
  learn(std::max(1.0, latencies_ / static_cast<double>(calls_)), most_in_use_, now);
  ends_ = deadline_after(
      now, std::max(options_.window, 2 * duration{static_cast<duration::rep>(usual_)}));
  latencies_ = 0;
  calls_ = most_in_use_ = 0;
}

// A window has ended. REQUIRES: mutex_ is held.
void adaptive_limit::learn(double latency, std::size_t in_use, time_point now) noexcept {
  if (probe_windows_left_ > 0) {
    if (--probe_windows_left_ > 0) return;  // in the first, older calls drained
    usual_ = latency;
    limit_ = limit_before_;
    return;
  }
  usual_ = usual_ > 0 ? std::min(usual_, latency) : latency;
  if (2.0 * static_cast<double>(in_use) < limit_) return;
  if (now >= next_probe_) return begin_probe(now);
  const double gradient = std::clamp(options_.tolerance * usual_ / latency, 0.5, 1.0);
  const double wanted = limit_ * gradient + static_cast<double>(options_.queue_size);
  limit_ =
      std::clamp(limit_ + (wanted - limit_) * options_.smoothing,
                 static_cast<double>(options_.min_limit), static_cast<double>(options_.max_limit));
}

void adaptive_limit::begin_probe(time_point now) noexcept {
  next_probe_ = deadline_after(now, probe_wait_);
  probe_wait_ = std::min(2 * probe_wait_, options_.probe_interval);
  limit_before_ = limit_;
  limit_ = std::max(limit_ / 2, static_cast<double>(options_.min_limit));
  probe_windows_left_ = 2;
}

std::size_t adaptive_limit::limit() const noexcept {
  const lock_guard lock{mutex_};
  return static_cast<std::size_t>(limit_);
}

std::size_t adaptive_limit::in_use() const noexcept {
  const lock_guard lock{mutex_};
  return in_use_;
}

}  // namespace millpool
