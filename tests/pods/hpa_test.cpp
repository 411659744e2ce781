#include "tests/pods/hpa.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace millpool::pods {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto percent = hpa_policy::kind::percent;
constexpr auto pods = hpa_policy::kind::pods;
using select = hpa_rules::select;

// A metric of 100 a replica, and nothing that slows anything.
hpa_options plain() {
  return {.target_average = 100,
          .min_replicas = 1,
          .max_replicas = 100,
          .sync_period = 1s,
          .scale_up = {.policies = {{pods, 1000, 1s}}},
          .scale_down = {.policies = {{percent, 100, 1s}}}};
}

// A deployment that obeys at once: each decision is what there is at the next sync.
class deployment {
 public:
  explicit deployment(hpa_options options, unsigned replicas = 1)
      : hpa_(std::move(options)), replicas_(replicas) {}

  // A sync, `at` after the beginning. \return how many replicas there are then.
  unsigned at(duration at, std::optional<double> total) {
    replicas_ = hpa_.sync(time_point{1h} + at, replicas_, total).to;
    return replicas_;
  }

 private:
  autoscaler hpa_;
  unsigned replicas_;
};

// ---- the trace of a real controller

struct change {
  double t_s;
  unsigned replicas;
};

struct trace {
  hpa_options options;
  unsigned start = 0;
  std::vector<std::pair<double, double>> depth;  // from t_s on, so much in all
  std::vector<change> observed;                  // without the start
};

duration in_seconds(double s) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>{s});
}

hpa_rules read_rules(const nlohmann::json& json) {
  hpa_rules rules;
  for (const auto& policy : json.at("policies")) {
    rules.policies.push_back({policy.at("type") == "Pods" ? pods : percent,
                              policy.at("value").get<unsigned>(),
                              in_seconds(policy.at("period_s").get<double>())});
  }
  const std::string selected = json.value("select", "Max");
  rules.select_policy = selected == "Min"        ? select::min
                        : selected == "Disabled" ? select::disabled
                                                 : select::max;
  rules.stabilization = in_seconds(json.at("stabilization_s").get<double>());
  return rules;
}

trace read_trace(const std::filesystem::path& path) {
  const auto json = nlohmann::json::parse(std::ifstream{path});
  trace out;
  out.options.target_average = json.at("metric").at("target_average_value");
  out.options.min_replicas = json.at("replicas").at("min");
  out.options.max_replicas = json.at("replicas").at("max");
  out.start = json.at("replicas").at("start");
  out.options.tolerance = json.at("tolerance");
  out.options.sync_period = in_seconds(json.at("sync_period_s"));
  out.options.scale_up = read_rules(json.at("scale_up"));
  out.options.scale_down = read_rules(json.at("scale_down"));
  for (const auto& step : json.at("depth"))
    out.depth.emplace_back(step.at("t_s"), step.at("total"));
  for (const auto& seen : json.at("observed_replicas")) {
    if (seen.at("t_s") > 0) out.observed.push_back({seen.at("t_s"), seen.at("n")});
  }
  return out;
}

// What the trace does not tell.
struct unknowns {
  duration phase;  // when in its period the controller looked first
  duration lag;    // how old the metric was that it saw then
  duration drift;  // a sync begins so much later than a period after the last: it takes its time
};

std::vector<change> simulate(const trace& trace, const unknowns& guess) {
  deployment hpa{trace.options, trace.start};
  std::vector<change> changes;
  unsigned last = trace.start;
  for (duration now = guess.phase; now < 100s; now += trace.options.sync_period + guess.drift) {
    double total = 0;
    for (const auto& [t_s, depth] : trace.depth) {
      if (in_seconds(t_s) <= now - guess.lag) total = depth;
    }
    const unsigned replicas = hpa.at(now, total);
    if (replicas != last) changes.push_back({std::chrono::duration<double>{now}.count(), replicas});
    last = replicas;
  }
  return changes;
}

// How far the worst step is off, in seconds; infinite where the replicas are not the same.
double worst(const std::vector<change>& simulated, const std::vector<change>& observed) {
  if (simulated.size() != observed.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    if (simulated[i].replicas != observed[i].replicas)
      return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(simulated[i].t_s - observed[i].t_s));
  }
  return worst;
}

std::string show(const std::vector<change>& changes) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2);
  for (const change& each : changes) text << "  " << each.replicas << " at " << each.t_s << " s";
  return text.str();
}

long long in_ms(duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

class HpaTrace : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const given = std::getenv("MILLPOOL_K8S");
    const std::filesystem::path folder =
        given != nullptr ? given : MILLPOOL_ROOT "/../shared/data/k8s";
    const auto path = folder / "hpa-trace.json";
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << "no " << path << " (MILLPOOL_K8S names its folder)";
    trace_ = read_trace(path);
    ASSERT_FALSE(trace_.observed.empty());
  }
  trace trace_;
};

// Whatever the phase is, for a metric up to 750 ms old, and whether syncs drift or not.
TEST_F(HpaTrace, IsReproducedWithinThreeSecondsAStep) {
  constexpr double allowed_s = 3;
  std::cout << std::fixed << std::setprecision(2) << "observed:  " << show(trace_.observed) << '\n';
  double best = std::numeric_limits<double>::infinity();
  unknowns likely{};
  for (const duration lag : {0ms, 250ms, 500ms, 750ms}) {
    double most = 0;
    for (duration phase{}; phase < trace_.options.sync_period; phase += 50ms) {
      for (const duration drift : {0ms, 5ms}) {
        const unknowns guess{phase, lag, drift};
        const auto simulated = simulate(trace_, guess);
        const double off = worst(simulated, trace_.observed);
        EXPECT_LE(off, allowed_s) << in_ms(phase) << " ms phase, " << in_ms(lag) << " ms lag, "
                                  << in_ms(drift) << " ms drift: " << show(simulated);
        most = std::max(most, off);
        if (off < best) likely = guess;
        best = std::min(best, off);
      }
    }
    std::cout << "any phase, " << in_ms(lag) << " ms lag: off by at most " << most << " s\n";
  }
  std::cout << "nearest:   " << show(simulate(trace_, likely)) << ", off by at most " << best
            << " s (" << in_ms(likely.phase) << " ms phase, " << in_ms(likely.lag) << " ms lag, "
            << in_ms(likely.drift) << " ms drift)\n";
}

// ---- the rules, one by one

TEST(Hpa, WantsTheTotalOverTheTargetRoundedUp) {
  EXPECT_EQ(deployment(plain()).at(0s, 500), 5U);
  EXPECT_EQ(deployment(plain()).at(0s, 501), 6U);
}

TEST(Hpa, WhatThereWasAtFirstCountsAsRecommended) {
  hpa_options options = plain();
  options.scale_down.stabilization = 10s;
  deployment hpa{options, 9};
  EXPECT_EQ(hpa.at(0s, 100), 9U);
  EXPECT_EQ(hpa.at(9s, 100), 9U);
  EXPECT_EQ(hpa.at(10s, 100), 1U);
}

TEST(Hpa, LeavesAMetricAloneThatIsWithinTheTolerance) {
  deployment hpa{plain(), 10};
  EXPECT_EQ(hpa.at(0s, 1000), 10U);
  EXPECT_EQ(hpa.at(1s, 1099), 10U);  // not quite a tenth off
  EXPECT_EQ(hpa.at(2s, 901), 10U);
  EXPECT_EQ(hpa.at(3s, 1101), 12U);  // the number is not made from the ratio: 11.01, rounded up
  hpa_options exact = plain();
  exact.tolerance = 0;
  EXPECT_EQ(deployment(exact, 10).at(0s, 1001), 11U);
}

TEST(Hpa, StaysWithinItsLimits) {
  hpa_options options = plain();
  options.min_replicas = 2;
  options.max_replicas = 7;
  deployment hpa{options, 3};
  EXPECT_EQ(hpa.at(0s, 10'000), 7U);
  EXPECT_EQ(hpa.at(10s, 0), 2U);
  EXPECT_EQ(deployment(options, 9).at(0s, 10'000), 7U);  // somebody set it by hand
  EXPECT_EQ(deployment(options, 1).at(0s, 0), 2U);
}

TEST(Hpa, ComesBackFromOutsideItsLimitsThoughNoPolicyAllowsIt) {
  hpa_options options = plain();
  options.max_replicas = 10;
  options.scale_down.select_policy = select::disabled;
  EXPECT_EQ(deployment(options, 50).at(0s, std::nullopt), 10U);
}

TEST(Hpa, AMetricOfZeroLeavesTheMinimum) {
  deployment hpa{plain(), 4};
  (void)hpa.at(0s, 400);
  EXPECT_EQ(hpa.at(1s, 0), 1U);
  hpa_options to_zero = plain();
  to_zero.min_replicas = 0;
  deployment may_be_none{to_zero, 4};
  (void)may_be_none.at(0s, 400);
  EXPECT_EQ(may_be_none.at(1s, 0), 0U);
  EXPECT_EQ(may_be_none.at(2s, 0), 0U);
  EXPECT_EQ(may_be_none.at(3s, 1), 1U);  // no ratio is asked where there is no replica
}

TEST(Hpa, ADeploymentOfNoneIsSwitchedOff) { EXPECT_EQ(deployment(plain(), 0).at(0s, 10'000), 0U); }

TEST(Hpa, AMissingMetricChangesNothing) {
  deployment hpa{plain(), 4};
  EXPECT_EQ(hpa.at(0s, std::nullopt), 4U);
  EXPECT_EQ(hpa.at(1s, 800), 8U);
  EXPECT_EQ(hpa.at(2s, std::nullopt), 8U);
}

TEST(Hpa, TakesAwayOnlyWhatNobodyWantedInTheWholeWindow) {
  hpa_options options = plain();
  options.scale_down.stabilization = 10s;
  deployment hpa{options, 5};
  EXPECT_EQ(hpa.at(0s, 900), 9U);
  EXPECT_EQ(hpa.at(1s, 100), 9U);
  EXPECT_EQ(hpa.at(4s, 600), 9U);
  EXPECT_EQ(hpa.at(9s, 100), 9U);   // the 9 of 0 s is still in it
  EXPECT_EQ(hpa.at(10s, 100), 6U);  // and now is not: the most since then
  EXPECT_EQ(hpa.at(13s, 100), 6U);
  EXPECT_EQ(hpa.at(14s, 100), 1U);
}

TEST(Hpa, AddsOnlyWhatWasWantedInTheWholeWindow) {
  hpa_options options = plain();
  options.scale_up.stabilization = 3s;
  deployment hpa{options, 1};
  EXPECT_EQ(hpa.at(0s, 100), 1U);
  EXPECT_EQ(hpa.at(1s, 900), 1U);
  EXPECT_EQ(hpa.at(2s, 700), 1U);
  EXPECT_EQ(hpa.at(3s, 800), 7U);  // the least of the last three
}

TEST(Hpa, AWindowLooksAtRecommendationsNotAtDecisions) {
  hpa_options options = plain();
  options.scale_up.policies = {{pods, 1, 1s}};
  options.scale_down.stabilization = 10s;
  deployment hpa{options, 1};
  EXPECT_EQ(hpa.at(0s, 900), 2U);  // 9 is wanted, one more allowed
  EXPECT_EQ(hpa.at(1s, 100), 2U);
  EXPECT_EQ(hpa.at(9s, 100), 2U);
  EXPECT_EQ(hpa.at(10s, 100), 1U);
}

TEST(Hpa, MaxTakesThePolicyThatAllowsMost) {
  hpa_options options = plain();
  options.scale_up.policies = {{percent, 100, 10s}, {pods, 4, 10s}};
  EXPECT_EQ(deployment(options, 1).at(0s, 9000), 5U);    // four pods
  EXPECT_EQ(deployment(options, 10).at(0s, 9000), 20U);  // a hundred per cent
  options.scale_down.policies = {{percent, 50, 10s}, {pods, 4, 10s}};
  deployment few{options, 6};
  (void)few.at(0s, 600);
  EXPECT_EQ(few.at(1s, 100), 2U);
  deployment many{options, 20};
  (void)many.at(0s, 2000);
  EXPECT_EQ(many.at(1s, 100), 10U);
}

TEST(Hpa, MinTakesThePolicyThatAllowsLeast) {
  hpa_options options = plain();
  options.scale_up = {{{percent, 100, 10s}, {pods, 4, 10s}}, select::min, 0s};
  EXPECT_EQ(deployment(options, 1).at(0s, 9000), 2U);
  EXPECT_EQ(deployment(options, 10).at(0s, 9000), 14U);
  options.scale_down = {{{percent, 50, 10s}, {pods, 4, 10s}}, select::min, 0s};
  deployment hpa{options, 20};
  (void)hpa.at(0s, 2000);
  EXPECT_EQ(hpa.at(1s, 100), 16U);
}

TEST(Hpa, DisabledNeverGoesThatWay) {
  hpa_options options = plain();
  options.scale_down.select_policy = select::disabled;
  deployment only_up{options, 5};
  EXPECT_EQ(only_up.at(0s, 900), 9U);
  EXPECT_EQ(only_up.at(100s, 0), 9U);
  options = plain();
  options.scale_up.select_policy = select::disabled;
  deployment only_down{options, 5};
  EXPECT_EQ(only_down.at(0s, 900), 5U);
  EXPECT_EQ(only_down.at(100s, 100), 1U);
}

TEST(Hpa, SyncsOfOnePeriodShareWhatThePolicyAllows) {
  hpa_options options = plain();
  options.scale_up.policies = {{pods, 4, 10s}};
  deployment hpa{options, 1};
  EXPECT_EQ(hpa.at(0s, 300), 3U);
  EXPECT_EQ(hpa.at(2s, 9000), 5U);  // two of the four are used up
  EXPECT_EQ(hpa.at(4s, 9000), 5U);
  EXPECT_EQ(hpa.at(10s, 9000), 7U);  // the first two have left the period, the others have not
  EXPECT_EQ(hpa.at(12s, 9000), 9U);
}

TEST(Hpa, PercentCountsFromThePeriodsStart) {
  hpa_options options = plain();
  options.scale_down.policies = {{percent, 50, 10s}};
  deployment hpa{options, 20};
  (void)hpa.at(0s, 2000);
  EXPECT_EQ(hpa.at(1s, 1500), 15U);
  EXPECT_EQ(hpa.at(2s, 100), 10U);  // half of the 20 that it was, not of the 15
  EXPECT_EQ(hpa.at(5s, 100), 10U);
  EXPECT_EQ(hpa.at(11s, 100), 7U);  // the first five have left: half of 15, rounded down
}

TEST(Hpa, WhatComesBackWithinThePeriodUsesUpNothing) {
  hpa_options options = plain();
  options.scale_up.policies = {{pods, 2, 10s}};
  deployment hpa{options, 10};
  (void)hpa.at(0s, 1000);
  EXPECT_EQ(hpa.at(1s, 500), 5U);
  EXPECT_EQ(hpa.at(2s, 9000), 12U);  // ten at the start, and two
}

TEST(Hpa, PercentRoundsUpOnTheWayUpAndDownOnTheWayDown) {
  hpa_options options = plain();
  options.scale_up.policies = {{percent, 10, 1s}};
  EXPECT_EQ(deployment(options, 1).at(0s, 9000), 2U);
  options.scale_down.policies = {{percent, 10, 1s}};
  deployment hpa{options, 3};
  (void)hpa.at(0s, 300);
  EXPECT_EQ(hpa.at(1s, 100), 2U);  // 2.7
}

TEST(Hpa, RefusesWhatNoApiServerWouldTake) {
  const auto complaint = [](auto spoil) -> std::string {
    hpa_options options = plain();
    spoil(options);
    try {
      const autoscaler hpa{options};
    } catch (const std::invalid_argument& wrong) {
      return wrong.what();
    }
    return "";
  };
  EXPECT_EQ(complaint([](hpa_options&) {}), "");
  EXPECT_EQ(complaint([](hpa_options& o) { o.target_average = 0; }),
            "hpa_options.target_average: 0 must be above 0");
  EXPECT_THAT(complaint([](hpa_options& o) { o.target_average = NAN; }),
              HasSubstr("target_average"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.max_replicas = 0; }), HasSubstr("max_replicas: 0"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.min_replicas = 101; }),
              HasSubstr("min_replicas: 101"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.tolerance = -0.1; }), HasSubstr("tolerance: -0.1"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.sync_period = 0s; }), HasSubstr("sync_period: 0"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.scale_up.policies.clear(); }),
              HasSubstr("scale_up.policies: an empty list"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.scale_down.policies[0].value = 0; }),
              HasSubstr("scale_down.policies[0].value: 0"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.scale_down.policies[0].period = 1801s; }),
              HasSubstr("scale_down.policies[0].period: 1801"));
  EXPECT_THAT(complaint([](hpa_options& o) { o.scale_up.stabilization = -1s; }),
              HasSubstr("scale_up.stabilization: -1"));
}

TEST(Hpa, TheDefaultsAreTheApis) {
  hpa_options options;
  options.target_average = 1;
  options.max_replicas = 1000;
  deployment hpa{options, 1};
  EXPECT_EQ(hpa.at(0s, 900), 5U);
  EXPECT_EQ(hpa.at(15s, 900), 10U);
  EXPECT_EQ(hpa.at(30s, 2), 10U);
  EXPECT_EQ(hpa.at(314s, 2), 10U);
  EXPECT_EQ(hpa.at(315s, 2), 2U);
}

}  // namespace
}  // namespace millpool::pods
