#include "tests/pods/hpa.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace millpool::pods {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using seconds = std::chrono::duration<double>;

template <class Value>
void require(bool holds, const std::string& field, Value value, const char* what) {
  if (holds) return;
  std::ostringstream text;
  text << "hpa_options." << field << ": " << value << " must be " << what;
  throw std::invalid_argument(text.str());
}

void check(const hpa_rules& rules, const std::string& name) {
  require(!rules.policies.empty(), name + ".policies", "an empty list", "one policy or more");
  for (std::size_t i = 0; i < rules.policies.size(); ++i) {
    const hpa_policy& policy = rules.policies[i];
    const std::string field = name + ".policies[" + std::to_string(i) + "]";
    require(policy.value > 0, field + ".value", policy.value, "above 0");
    require(policy.period > duration::zero() && policy.period <= minutes{30}, field + ".period",
            seconds{policy.period}.count(), "above 0 s, and at most 1800 s");
  }
  require(rules.stabilization >= duration::zero() && rules.stabilization <= hours{1},
          name + ".stabilization", seconds{rules.stabilization}.count(),
          "at least 0 s, and at most 3600 s");
}

[[nodiscard]] hpa_options checked(hpa_options options) {
  require(std::isfinite(options.target_average) && options.target_average > 0.0, "target_average",
          options.target_average, "above 0");
  require(options.max_replicas > 0, "max_replicas", options.max_replicas, "above 0");
  require(options.min_replicas <= options.max_replicas, "min_replicas", options.min_replicas,
          "at most max_replicas");
  require(std::isfinite(options.tolerance) && options.tolerance >= 0.0, "tolerance",
          options.tolerance, "at least 0");
  require(options.sync_period > duration::zero(), "sync_period",
          seconds{options.sync_period}.count(), "above 0 s");
  check(options.scale_up, "scale_up");
  check(options.scale_down, "scale_down");
  return options;
}

// A number of replicas that may be beyond any limit.
[[nodiscard]] unsigned to_replicas(double value) {
  constexpr double most = std::numeric_limits<int>::max();
  return static_cast<unsigned>(std::clamp(value, 0.0, most));
}

[[nodiscard]] duration longest_period(const hpa_rules& rules) {
  duration longest{};
  for (const hpa_policy& policy : rules.policies) longest = std::max(longest, policy.period);
  return longest;
}

}  // namespace

autoscaler::autoscaler(hpa_options options) : options_(checked(std::move(options))) {}

hpa_decision autoscaler::sync(time_point now, unsigned replicas, std::optional<double> total) {
  // What there was before the first sync counts as recommended: else the first low metric after a
  // restart of the controller would take away what the window protects.
  if (recommendations_.empty()) recommendations_.push_back({now, replicas});

  hpa_decision decided{replicas, replicas, replicas, replicas};
  if (replicas == 0 && options_.min_replicas > 0) return decided;  // somebody switched it off
  // Outside the limits the metric is not asked, and no policy slows the way back.
  if (replicas > options_.max_replicas || replicas < options_.min_replicas) {
    decided.to = std::clamp(replicas, options_.min_replicas, options_.max_replicas);
    decided.recommended = decided.stabilized = decided.to;
  } else if (!total) {
    return decided;  // not knowing is no reason to change anything
  } else {
    decided.recommended = by_metric(replicas, *total);
    decided.stabilized = stabilize(now, replicas, decided.recommended);
    decided.to = limit_rate(now, replicas, decided.stabilized);
  }
  remember(now, decided);
  return decided;
}

unsigned autoscaler::by_metric(unsigned replicas, double total) const {
  const double wanted = std::ceil(total / options_.target_average);
  if (replicas == 0) return to_replicas(wanted);  // there is no ratio: any work is too much
  // The ratio of use to target decides whether to change at all, so that a metric that trembles
  // around its target moves nobody; the new number does not depend on it.
  const double ratio = total / (options_.target_average * replicas);
  if (std::abs(1.0 - ratio) <= options_.tolerance) return replicas;
  return to_replicas(wanted);
}

unsigned autoscaler::stabilize(time_point now, unsigned replicas, unsigned wanted) {
  // More only if it was wanted all through the one window (its least recommendation), and less only
  // if that was wanted all through the other (its greatest): between the two nothing happens. Both
  // look at what the metric alone said, so a decision does not confirm itself.
  unsigned up = wanted;
  unsigned down = wanted;
  for (const recommendation& past : recommendations_) {
    if (past.at > now - options_.scale_up.stabilization) up = std::min(up, past.replicas);
    if (past.at > now - options_.scale_down.stabilization) down = std::max(down, past.replicas);
  }
  const duration longest =
      std::max(options_.scale_up.stabilization, options_.scale_down.stabilization);
  std::erase_if(recommendations_, [&](const recommendation& r) { return r.at < now - longest; });
  recommendations_.push_back({now, wanted});

  unsigned stable = replicas;
  if (stable < up) stable = up;
  if (stable > down) stable = down;
  return stable;
}

unsigned autoscaler::limit_rate(time_point now, unsigned replicas, unsigned wanted) const {
  if (wanted > replicas) {
    // What was added may already be more than a policy allows, since another one allowed it, or a
    // window moved on: then there is nothing to add, but nothing to take back either.
    const unsigned limit = std::max(most(now, replicas), replicas);
    return std::min({wanted, limit, options_.max_replicas});
  }
  if (wanted < replicas) {
    const unsigned limit = std::min(least(now, replicas), replicas);
    return std::max({wanted, limit, options_.min_replicas});
  }
  return wanted;
}

unsigned autoscaler::most(time_point now, unsigned replicas) const {
  const hpa_rules& rules = options_.scale_up;
  if (rules.select_policy == hpa_rules::select::disabled) return replicas;
  std::optional<unsigned> limit;
  for (const hpa_policy& policy : rules.policies) {
    const double start = at_start_of(policy.period, now, replicas);
    // Rounded up: half a replica more has to be one more, or a single one would never double.
    const unsigned allowed = policy.type == hpa_policy::kind::pods
                                 ? to_replicas(start + policy.value)
                                 : to_replicas(std::ceil(start * (1.0 + policy.value / 100.0)));
    if (!limit) limit = allowed;
    limit = rules.select_policy == hpa_rules::select::max ? std::max(*limit, allowed)
                                                          : std::min(*limit, allowed);
  }
  return *limit;
}

unsigned autoscaler::least(time_point now, unsigned replicas) const {
  const hpa_rules& rules = options_.scale_down;
  if (rules.select_policy == hpa_rules::select::disabled) return replicas;
  std::optional<unsigned> limit;
  for (const hpa_policy& policy : rules.policies) {
    const double start = at_start_of(policy.period, now, replicas);
    // Rounded down, by the same reason: half of one is none, and the minimum stops it.
    const unsigned allowed = policy.type == hpa_policy::kind::pods
                                 ? to_replicas(start - policy.value)
                                 : to_replicas(start * (1.0 - policy.value / 100.0));
    if (!limit) limit = allowed;
    // The greatest change is the smallest number.
    limit = rules.select_policy == hpa_rules::select::max ? std::min(*limit, allowed)
                                                          : std::max(*limit, allowed);
  }
  return *limit;
}

double autoscaler::at_start_of(duration period, time_point now, unsigned replicas) const {
  // A period holds several syncs, which share what the policy allows: so each counts from where the
  // period began, not from where the last sync stopped. Both directions count, so that what went
  // and came back within the period has used up nothing.
  double start = replicas;
  for (const scale_event& up : ups_) {
    if (up.at > now - period) start -= up.change;
  }
  for (const scale_event& down : downs_) {
    if (down.at > now - period) start += down.change;
  }
  return start;
}

void autoscaler::remember(time_point now, const hpa_decision& decided) {
  if (decided.to == decided.from) return;
  const duration longest =
      std::max(longest_period(options_.scale_up), longest_period(options_.scale_down));
  for (auto* events : {&ups_, &downs_}) {
    std::erase_if(*events, [&](const scale_event& event) { return event.at <= now - longest; });
  }
  if (decided.to > decided.from) {
    ups_.push_back({now, decided.to - decided.from});
  } else {
    downs_.push_back({now, decided.from - decided.to});
  }
}

}  // namespace millpool::pods
