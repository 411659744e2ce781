#include "millpool/policy/sizing.hpp"

#include "millpool/base/cpu.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double infinite = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& refusal) {
    return refusal.what();
  }
  return "it was accepted";
}

TEST(Sizing, CpuBoundIsOneWorkerACpu) {
  EXPECT_EQ(sizing::cpu_bound(8), 8U);
  EXPECT_EQ(sizing::cpu_bound(1.5), 2U);
  EXPECT_EQ(sizing::cpu_bound(0.1), 1U);
}

TEST(Sizing, IoBoundIsCpusTimesOnePlusTheWaitRatio) {
  EXPECT_EQ(sizing::io_bound(0, 4), 4U);
  EXPECT_EQ(sizing::io_bound(99, 2), 200U);
  EXPECT_EQ(sizing::io_bound(1.2, 2), 5U);      // 4.4, rounded up
  EXPECT_EQ(sizing::io_bound(9, 0.5), 5U);      // half a CPU serves half as many
  EXPECT_EQ(sizing::io_bound(0.1, 100), 110U);  // though it is 110.00000000000001 in binary
}

TEST(Sizing, TheArticlesRulesAreThereByName) {
  EXPECT_EQ(sizing::article_cpu(4), 8U);
  EXPECT_EQ(sizing::article_io(4), 20U);
  EXPECT_EQ(sizing::article_queue_capacity(1), 2U);
  EXPECT_EQ(sizing::article_queue_capacity(2), 3U);
  EXPECT_EQ(sizing::article_queue_capacity(10), 15U);
}

TEST(Sizing, WithoutCpusTheRulesTakeThoseOfThisProcess) {
  const double cpus = available_cpus().limit();
  EXPECT_EQ(sizing::cpu_bound(), sizing::cpu_bound(cpus));
  EXPECT_EQ(sizing::io_bound(3), sizing::io_bound(3, cpus));
  EXPECT_EQ(sizing::article_cpu(), sizing::article_cpu(cpus));
  EXPECT_EQ(sizing::article_io(), sizing::article_io(cpus));
}

TEST(Sizing, AQueueOfUnknownLoadHolds1024OrTwiceTheWorkers) {
  EXPECT_EQ(sizing::queue_capacity(1), 1024U);
  EXPECT_EQ(sizing::queue_capacity(512), 1024U);
  EXPECT_EQ(sizing::queue_capacity(4096), 8192U);
}

TEST(Sizing, AQueueOfKnownLoadHoldsTwiceTheBurst) {
  EXPECT_EQ(
      sizing::queue_capacity({.burst = 50, .tasks_per_second = 50'000, .latency_budget = 20ms}),
      100U);
}

TEST(Sizing, AQueueOfKnownLoadHoldsNoMoreThanGetsDoneInTime) {
  EXPECT_EQ(
      sizing::queue_capacity({.burst = 5000, .tasks_per_second = 50'000, .latency_budget = 20ms}),
      1000U);
  EXPECT_EQ(sizing::queue_capacity({.burst = 50, .tasks_per_second = 1, .latency_budget = 1ms}),
            1U);
  EXPECT_EQ(sizing::queue_capacity({.burst = 50, .tasks_per_second = 10, .latency_budget = 300ms}),
            3U);
}

TEST(Sizing, ABurstWithoutBoundIsBoundedByTheBudget) {
  const auto endless = std::numeric_limits<std::size_t>::max() / 2 + 1;  // twice that is 0
  EXPECT_EQ(
      sizing::queue_capacity({.burst = endless, .tasks_per_second = 1000, .latency_budget = 1s}),
      1000U);
}

TEST(Sizing, BadArgumentsAreRefusedByNameAndValue) {
  EXPECT_THAT(refusal_of([] { (void)sizing::cpu_bound(0); }),
              AllOf(HasSubstr("cpus"), HasSubstr("0")));
  EXPECT_THAT(refusal_of([] { (void)sizing::cpu_bound(-2); }),
              AllOf(HasSubstr("cpus"), HasSubstr("-2")));
  EXPECT_THAT(refusal_of([] { (void)sizing::article_cpu(not_a_number); }),
              AllOf(HasSubstr("cpus"), HasSubstr("nan")));
  EXPECT_THAT(refusal_of([] { (void)sizing::article_io(infinite); }),
              AllOf(HasSubstr("cpus"), HasSubstr("inf")));
  EXPECT_THAT(refusal_of([] { (void)sizing::io_bound(-0.5, 2); }),
              AllOf(HasSubstr("wait_ratio"), HasSubstr("-0.5")));
  EXPECT_THAT(refusal_of([] { (void)sizing::io_bound(-0.5); }),
              AllOf(HasSubstr("wait_ratio"), HasSubstr("-0.5")));
  EXPECT_THAT(refusal_of([] { (void)sizing::io_bound(not_a_number, 2); }),
              AllOf(HasSubstr("wait_ratio"), HasSubstr("nan")));
  EXPECT_THAT(refusal_of([] { (void)sizing::io_bound(infinite, 2); }),
              AllOf(HasSubstr("wait_ratio"), HasSubstr("inf")));
  EXPECT_THAT(refusal_of([] { (void)sizing::io_bound(1, 0); }), HasSubstr("cpus"));
  EXPECT_THAT(refusal_of([] { (void)sizing::io_bound(1e300, 2); }),
              AllOf(HasSubstr("wait_ratio"), HasSubstr("1e+300")));
  EXPECT_THAT(refusal_of([] { (void)sizing::queue_capacity(0); }), HasSubstr("workers = 0"));
  EXPECT_THAT(refusal_of([] { (void)sizing::article_queue_capacity(2'000'000); }),
              HasSubstr("workers = 2000000"));
}

TEST(Sizing, ABadLoadIsRefusedByNameAndValue) {
  const sizing::load good{.burst = 1, .tasks_per_second = 1, .latency_budget = 1s};
  auto refusal_with = [&](auto change) {
    return refusal_of([&] {
      sizing::load bad = good;
      change(bad);
      (void)sizing::queue_capacity(bad);
    });
  };
  EXPECT_THAT(refusal_with([](auto& bad) { bad.burst = 0; }), HasSubstr("burst = 0"));
  EXPECT_THAT(refusal_with([](auto& bad) { bad.tasks_per_second = 0; }),
              HasSubstr("tasks_per_second = 0"));
  EXPECT_THAT(refusal_with([](auto& bad) { bad.tasks_per_second = not_a_number; }),
              HasSubstr("nan"));
  EXPECT_THAT(refusal_with([](auto& bad) { bad.latency_budget = -1s; }),
              AllOf(HasSubstr("latency_budget"), HasSubstr("-1")));
}

}  // namespace
}  // namespace millpool
