// Tests · pods: when a load has got what it needs. Next stop: pods.cpp.
#pragma once

#include "millpool/base/clock.hpp"
#include "tests/pods/hpa.hpp"

#include <optional>

namespace millpool::pods {

/// What was seen at one sync.
struct sample {
  duration t;            ///< since the beginning
  double depth;          ///< the metric, in all
  hpa_decision decided;  ///< by it
  unsigned ready;        ///< replicas that take tasks
};

/// Tells how long a load that has changed takes to its steady state. That is reached at the first
/// sync from which on, for `hold`, at each sync
///
///   - the number of replicas stays, and all of them are ready;
///   - the metric is below its target by replica, or above it by no more than the tolerance.
///
/// `hold` is longer than scaleDown's window: so a number that an old recommendation protects in it,
/// and none since then, is not steady.
class steady_watch {
 public:
  steady_watch(const hpa_options& hpa, duration hold) : hpa_(hpa), hold_(hold) {}

  /// The load changes at `t`.
  void begin(duration t) noexcept;
  void see(const sample& seen) noexcept;
  /// From the change to the steady state; none before that has held.
  [[nodiscard]] std::optional<duration> took() const noexcept;

 private:
  [[nodiscard]] bool is_steady(const sample& seen) const noexcept;

  const hpa_options hpa_;
  const duration hold_;
  duration began_{};
  std::optional<duration> since_;
  duration last_{};
};

}  // namespace millpool::pods
