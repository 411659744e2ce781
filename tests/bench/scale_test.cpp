#include "bench/scale/dimensions.hpp"
#include "bench/scale/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bench {
namespace {

using ::testing::HasSubstr;

const dimension lanes{"lanes", "lanes in use", "ns_per_task", {1, 8}, 1000, 0, 10};

std::vector<run_result> runs_of(double first, double last) {
  return {
      {"lanes=1", "millpool", 1, {{"ns_per_task", first}, {"peak_rss_kib", 4000}, {"tasks", 1000}}},
      {"lanes=8", "millpool", 1, {{"ns_per_task", last}, {"peak_rss_kib", 6000}, {"tasks", 1000}}},
  };
}

TEST(ScaleBench, GrowthIsTheLastValueOverTheFirstAndAQuarterIsFlat) {
  EXPECT_DOUBLE_EQ(growth_of(lanes, runs_of(100, 125)).cost, 1.25);
  EXPECT_TRUE(growth_of(lanes, runs_of(100, 125)).is_flat());
  EXPECT_FALSE(growth_of(lanes, runs_of(100, 126)).is_flat());
  EXPECT_DOUBLE_EQ(growth_of(lanes, runs_of(100, 125)).memory, 1.5);
}

TEST(ScaleBench, ATableEndsWithTheVerdict) {
  EXPECT_THAT(dimension_table(lanes, runs_of(100, 90)), HasSubstr("0.90, flat; peak memory: 1.50"));
  EXPECT_THAT(dimension_table(lanes, runs_of(100, 200)), HasSubstr("2.00, NOT flat"));
}

TEST(ScaleBench, EveryDimensionHasTwoEndsAndWorkInEach) {
  for (const dimension& each : all_dimensions()) {
    ASSERT_GE(each.values.size(), 2u) << each.name;
    for (const std::uint64_t value : each.values) {
      EXPECT_GE(tasks_of(each, value, true), 50u) << point_name(each, value);
    }
  }
}

}  // namespace
}  // namespace bench
