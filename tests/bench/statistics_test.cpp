#include "bench/pool/statistics.hpp"

#include <gtest/gtest.h>

namespace bench {
namespace {

TEST(Statistics, TheMedianIsTheMiddleValueOrTheMeanOfTheTwoMiddleOnes) {
  EXPECT_DOUBLE_EQ(summarize({9, 1, 5}).median, 5);
  EXPECT_DOUBLE_EQ(summarize({9, 1, 5, 7}).median, 6);
  EXPECT_DOUBLE_EQ(summarize({3}).median, 3);
}

TEST(Statistics, TheSpreadIsTheRangeOverTheMedian) {
  EXPECT_DOUBLE_EQ(summarize({8, 10, 14}).spread, 0.6);
  EXPECT_DOUBLE_EQ(summarize({7}).spread, 0);
  EXPECT_DOUBLE_EQ(summarize({0, 0, 0}).spread, 0);
}

TEST(Statistics, ASummaryIsOfOneFigureOfOneSubjectInOneCase) {
  const std::vector<run_result> runs{
      {"A", "millpool", 1, {{"ns_per_task", 10}}}, {"A", "millpool", 2, {{"ns_per_task", 30}}},
      {"A", "asio", 1, {{"ns_per_task", 500}}},    {"B", "millpool", 1, {{"ns_per_task", 700}}},
      {"A", "millpool", 3, {{"p99_us", 9}}},
  };
  const auto found = summary_of(runs, "A", "millpool", "ns_per_task");
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->median, 20);
  EXPECT_FALSE(summary_of(runs, "B", "asio", "ns_per_task"));
}

}  // namespace
}  // namespace bench
