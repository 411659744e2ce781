#include "tests/pods/steady.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace millpool::pods {
namespace {

using namespace std::chrono_literals;

steady_watch watch() {
  hpa_options hpa;
  hpa.target_average = 10;
  hpa.min_replicas = 1;
  hpa.max_replicas = 8;
  return steady_watch{hpa, 2s};
}

// At `t`: nothing changes, all is ready, and the metric is on its target.
sample steady_at(duration t, unsigned replicas) {
  return {t, 10.0 * replicas, {replicas, replicas, replicas, replicas}, replicas};
}

TEST(SteadyWatch, CountsFromTheChangeToTheFirstSteadySyncOnceThatHasHeld) {
  steady_watch seen = watch();
  seen.begin(10s);
  seen.see({11s, 90, {1, 9, 9, 5}, 1});
  seen.see(steady_at(12s, 5));
  EXPECT_EQ(seen.took(), std::nullopt);
  seen.see(steady_at(13s, 5));
  EXPECT_EQ(seen.took(), std::nullopt);
  seen.see(steady_at(14s, 5));
  EXPECT_EQ(seen.took(), 2s);
}

TEST(SteadyWatch, BeginsAnewWhenTheLoadChanges) {
  steady_watch seen = watch();
  seen.begin(0s);
  for (const duration t : {0s, 1s, 2s}) seen.see(steady_at(t, 5));
  ASSERT_EQ(seen.took(), 0s);
  seen.begin(3s);
  EXPECT_EQ(seen.took(), std::nullopt);
}

// One sync that is not steady, between those that are.
std::optional<duration> with(const sample& disturbance) {
  steady_watch seen = watch();
  seen.begin(0s);
  seen.see(steady_at(0s, 5));
  seen.see(disturbance);
  seen.see(steady_at(2s, 5));
  return seen.took();
}

TEST(SteadyWatch, ANumberThatChangesIsNotSteady) {
  EXPECT_EQ(with({1s, 30, {5, 3, 3, 3}, 3}), std::nullopt);
}

TEST(SteadyWatch, NorOneThatIsNotReady) {
  EXPECT_EQ(with({1s, 50, {5, 5, 5, 5}, 4}), std::nullopt);
}

TEST(SteadyWatch, NorOneThatDoesNotSuffice) {
  steady_watch seen = watch();
  seen.begin(0s);
  for (const duration t : {0s, 1s, 2s}) seen.see({t, 500, {8, 50, 50, 8}, 8});
  EXPECT_EQ(seen.took(), std::nullopt);
}

TEST(SteadyWatch, OneThatIsMoreThanIsWantedIsSteadyIfItStaysAsLong) {
  EXPECT_EQ(with({1s, 30, {5, 3, 5, 5}, 5}), 0s);
}

TEST(SteadyWatch, TheLeastThereMayBeIsSteadyWithoutAnyLoad) {
  steady_watch seen = watch();
  seen.begin(0s);
  for (const duration t : {0s, 1s, 2s}) seen.see({t, 0, {1, 0, 0, 1}, 1});
  EXPECT_EQ(seen.took(), 0s);
}

}  // namespace
}  // namespace millpool::pods
