#include "bench/pool/gates.hpp"

#include "bench/pool/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bench {
namespace {

using ::testing::HasSubstr;

std::vector<run_result> runs_of(std::string case_id, std::string figure,
                                std::vector<std::pair<std::string, double>> medians) {
  std::vector<run_result> runs;
  for (const auto& [subject, value] : medians) {
    runs.push_back({case_id, subject, 1, {{figure, value}}});
  }
  return runs;
}

verdict judged(const gate& asked, const std::vector<run_result>& runs) {
  const std::vector<gate> gates{asked};
  return judge(gates, {std::string{asked.case_id}}, runs).at(0);
}

constexpr gate absolute{"A", "ns_per_task", reference::none, 20, 1, "ns", ""};
constexpr gate five_times{"A", "ns_per_task", reference::best, 1 / 5.0, 1, "", ""};
constexpr gate half_of_serial{"W1", "ns_per_task", reference::serial, 0.5, 1, "", ""};
constexpr gate share_of_go{"W3", "ns_per_task", reference::go, 0.63, 1, "", ""};

TEST(Gates, AnAbsoluteGateIsMetAtTheLimitAndNotBeyond) {
  EXPECT_EQ(judged(absolute, runs_of("A", "ns_per_task", {{"millpool", 20}})).reached, state::met);
  EXPECT_EQ(judged(absolute, runs_of("A", "ns_per_task", {{"millpool", 20.1}})).reached,
            state::not_met);
}

TEST(Gates, ARelativeGateComparesWithTheBestPackagedRival) {
  const auto slow = judged(
      five_times, runs_of("A", "ns_per_task", {{"millpool", 21}, {"tbb", 100}, {"asio", 300}}));
  EXPECT_EQ(slow.reached, state::not_met);
  EXPECT_THAT(slow.measured, HasSubstr("4.76x tbb"));
  EXPECT_EQ(judged(five_times,
                   runs_of("A", "ns_per_task", {{"millpool", 20}, {"tbb", 101}, {"asio", 300}}))
                .reached,
            state::met);
}

TEST(Gates, WhoRunsTasksInTheProducerAndTheTextbookPoolAreNotToBeBeaten) {
  const auto found = judged(
      five_times, runs_of("A", "ns_per_task",
                          {{"millpool", 20}, {"openmp", 7}, {"textbook", 9}, {"asio", 200}}));
  EXPECT_EQ(found.reached, state::met);
  EXPECT_THAT(found.measured, HasSubstr("10.00x asio"));
}

TEST(Gates, AFasterGoRivalIsToldBesideTheBest) {
  const auto found = judged(
      five_times, runs_of("A", "ns_per_task", {{"millpool", 20}, {"asio", 200}, {"go-pool", 70}}));
  EXPECT_EQ(found.reached, state::met);
  EXPECT_EQ(found.measured, "10.00x asio; 3.50x go-pool");
}

TEST(Gates, WhatNobodyMeasuredIsNeitherMetNorMissed) {
  EXPECT_EQ(judged(absolute, {}).reached, state::not_measured);
  EXPECT_EQ(judged(five_times, runs_of("A", "ns_per_task", {{"millpool", 20}})).reached,
            state::not_measured);
  EXPECT_EQ(
      judged(share_of_go, runs_of("W3", "ns_per_task", {{"millpool", 20}, {"asio", 200}})).reached,
      state::not_measured);
}

TEST(Gates, SerialAndGoAreReferencesOfTheirOwn) {
  EXPECT_EQ(judged(half_of_serial,
                   runs_of("W1", "ns_per_task", {{"millpool", 50}, {"serial", 100}, {"asio", 1}}))
                .reached,
            state::met);
  EXPECT_EQ(judged(share_of_go,
                   runs_of("W3", "ns_per_task", {{"millpool", 64}, {"go", 100}, {"go-pool", 110}}))
                .reached,
            state::not_met);
}

TEST(Gates, OnlyTheCasesThatRanAreJudged) {
  for (const verdict& each : judge(all_gates(), {"A", "I"}, {})) {
    EXPECT_TRUE(each.asked.case_id == "A" || each.asked.case_id == "I") << each.asked.case_id;
  }
}

TEST(Gates, EveryCaseHasAGateAndEveryGateACase) {
  for (const case_info& which : all_cases()) {
    EXPECT_TRUE(std::ranges::any_of(all_gates(), [&](auto& g) { return g.case_id == which.id; }))
        << which.id;
  }
  for (const gate& each : all_gates()) {
    EXPECT_TRUE(std::ranges::any_of(all_cases(), [&](auto& c) { return c.id == each.case_id; }))
        << each.case_id;
  }
}

}  // namespace
}  // namespace bench
