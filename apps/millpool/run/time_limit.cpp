#include "apps/millpool/run/time_limit.hpp"

#include "apps/support/units.hpp"

#include <algorithm>

namespace millpool::run {

std::expected<time_limit_spec, std::string> parse_time_limit(std::string_view text) {
  if (text.ends_with('%')) {
    const auto percent = app::parse_decimal(text.substr(0, text.size() - 1));
    if (!percent || *percent <= 0 || *percent > 1e6) {
      return std::unexpected("'" + std::string(text) + "' is no percentage of a run time");
    }
    return time_limit_spec{duration::zero(), *percent};
  }
  const auto fixed = app::parse_duration(text);
  if (!fixed) return std::unexpected(fixed.error());
  return time_limit_spec{*fixed, 0};
}

std::optional<duration> time_limit::now() const {
  if (!is_relative())
    return spec_.fixed > duration::zero() ? std::optional(spec_.fixed) : std::nullopt;
  const std::lock_guard lock{mutex_};
  return limit_;
}

void time_limit::learn(duration runtime) {
  if (!is_relative()) return;
  const std::lock_guard lock{mutex_};
  runtimes_[learnt_++ % runtimes_.size()] = runtime;
  if (learnt_ < enough) return;
  auto sorted = runtimes_;
  const auto count = static_cast<std::ptrdiff_t>(std::min(learnt_, sorted.size()));
  const auto middle = sorted.begin() + count / 2;
  std::nth_element(sorted.begin(), middle, sorted.begin() + count);
  limit_ = duration{
      static_cast<duration::rep>(static_cast<double>(middle->count()) * spec_.percent / 100.0)};
}

}  // namespace millpool::run
