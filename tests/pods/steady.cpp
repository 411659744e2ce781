#include "tests/pods/steady.hpp"

namespace millpool::pods {

void steady_watch::begin(duration t) noexcept {
  began_ = t;
  since_.reset();
}

void steady_watch::see(const sample& seen) noexcept {
  if (!is_steady(seen)) {
    since_.reset();
  } else if (!since_) {
    since_ = seen.t;
  }
  last_ = seen.t;
}

std::optional<duration> steady_watch::took() const noexcept {
  if (!since_ || last_ - *since_ < hold_) return std::nullopt;
  return *since_ - began_;
}

bool steady_watch::is_steady(const sample& seen) const noexcept {
  const hpa_decision& decided = seen.decided;
  return decided.to == decided.from && seen.ready == decided.to &&
         seen.depth <= hpa_.target_average * (1.0 + hpa_.tolerance) * decided.to;
}

}  // namespace millpool::pods
