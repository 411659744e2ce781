// Tests · pods: the algorithm of Kubernetes' HorizontalPodAutoscaler. Next stop: task_book.hpp.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace millpool::pods {

/// By how much the number of replicas may change within a period, counted from what it was at the
/// period's start.
struct hpa_policy {
  enum class kind : std::uint8_t {
    percent,  ///< of the replicas at the period's start
    pods,     ///< so many
  };
  kind type = kind::percent;
  unsigned value = 100;                        ///< above 0
  duration period = std::chrono::seconds{15};  ///< above 0, at most half an hour
};

/// How fast one direction may go.
struct hpa_rules {
  enum class select : std::uint8_t {
    max,       ///< the policy that allows most change
    min,       ///< the one that allows least
    disabled,  ///< never in this direction
  };
  std::vector<hpa_policy> policies;  ///< at least one
  select select_policy = select::max;
  /// Of all that was recommended for so long the most cautious counts; at most an hour.
  duration stabilization{};
};

/// An autoscaling/v2 HorizontalPodAutoscaler with one External metric and an AverageValue as its
/// target. The defaults are the API's; those of tolerance and sync_period are the controller's
/// flags.
struct hpa_options {
  double target_average = 0.0;  ///< of the metric, per replica; above 0
  unsigned min_replicas = 1;    ///< 0 as with the feature HPAScaleToZero
  unsigned max_replicas = 0;    ///< at least 1 and min_replicas
  /// --horizontal-pod-autoscaler-tolerance: a metric that is off its target by no more than this
  /// part is on it.
  double tolerance = 0.1;
  /// The controller's --horizontal-pod-autoscaler-sync-period: sync() is to be called as often.
  duration sync_period = std::chrono::seconds{15};
  hpa_rules scale_up{.policies = {{.type = hpa_policy::kind::percent, .value = 100},
                                  {.type = hpa_policy::kind::pods, .value = 4}}};
  hpa_rules scale_down{.policies = {{.type = hpa_policy::kind::percent, .value = 100}},
                       .stabilization = std::chrono::minutes{5}};
};

/// What one sync made of a metric, step by step.
struct hpa_decision {
  unsigned from;         ///< the replicas there are
  unsigned recommended;  ///< by the metric alone
  unsigned stabilized;   ///< after the windows
  unsigned to;           ///< after policies and limits: what there should be
};

/// Decides how many replicas there should be, as the controller does (kube-controller-manager 1.25,
/// pkg/controller/podautoscaler/horizontal.go). Pure: time is passed in, and nothing is started.
///
/// Order          recommendation, stabilization, policies, limits.
/// Thread safety  none: one call at a time.
class autoscaler {
 public:
  /// \throws std::invalid_argument that names the field and its value.
  explicit autoscaler(hpa_options options);

  /// One sync. `now` never goes back.
  /// \param  replicas  that there are by the last decision, ready or not: scale.spec.replicas. The
  ///                   controller divides the metric by status.replicas, which follows that within
  ///                   a moment, as a pod counts there once its object exists.
  /// \param  total     the metric, over all replicas; nothing where it could not be had.
  [[nodiscard]] hpa_decision sync(time_point now, unsigned replicas, std::optional<double> total);

  [[nodiscard]] const hpa_options& options() const noexcept { return options_; }

 private:
  struct recommendation {
    time_point at;
    unsigned replicas;
  };
  struct scale_event {
    time_point at;
    unsigned change;
  };
  [[nodiscard]] unsigned by_metric(unsigned replicas, double total) const;
  [[nodiscard]] unsigned stabilize(time_point now, unsigned replicas, unsigned wanted);
  [[nodiscard]] unsigned limit_rate(time_point now, unsigned replicas, unsigned wanted) const;
  [[nodiscard]] unsigned most(time_point now, unsigned replicas) const;
  [[nodiscard]] unsigned least(time_point now, unsigned replicas) const;
  [[nodiscard]] double at_start_of(duration period, time_point now, unsigned replicas) const;
  void remember(time_point now, const hpa_decision& decided);

  const hpa_options options_;
  std::vector<recommendation> recommendations_;  // before stabilization; the oldest first
  std::vector<scale_event> ups_;
  std::vector<scale_event> downs_;
};

}  // namespace millpool::pods
