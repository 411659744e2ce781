#include "apps/millpool/run/time_limit.hpp"

#include <gtest/gtest.h>

namespace millpool::run {
namespace {

using namespace std::chrono_literals;

TEST(TimeLimit, IsAbsentByDefault) {
  const time_limit limit{{}};
  EXPECT_FALSE(limit.exists());
  EXPECT_EQ(limit.now(), std::nullopt);
}

TEST(TimeLimit, IsTheTimeThatWasGiven) {
  EXPECT_EQ(time_limit{parse_time_limit("1.5").value()}.now(), 1500ms);
}

TEST(TimeLimit, IsAShareOfTheMedianOnceThreeJobsSucceeded) {
  time_limit limit{parse_time_limit("200%").value()};
  EXPECT_TRUE(limit.exists());
  limit.learn(10ms);
  limit.learn(1s);
  EXPECT_EQ(limit.now(), std::nullopt);
  limit.learn(20ms);
  EXPECT_EQ(limit.now(), 40ms);
}

TEST(TimeLimit, FollowsAWorkloadThatChanges) {
  time_limit limit{parse_time_limit("100%").value()};
  for (int i = 0; i < 300; ++i) limit.learn(10ms);
  for (int i = 0; i < 300; ++i) limit.learn(30ms);
  EXPECT_EQ(limit.now(), 30ms);
}

TEST(TimeLimit, RefusesNonsense) {
  for (const char* text : {"", "%", "0%", "-1", "x", "10x", "1e3", "nan%"}) {
    EXPECT_FALSE(parse_time_limit(text)) << text;
  }
}

}  // namespace
}  // namespace millpool::run
