// result_pace: whether those who wait for results let several come together.
#include "millpool/result/result_pace.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace millpool {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t large = 1024;

struct ResultPace : testing::Test {
  // `results` more, so far apart, with a look after each.
  void come(int results, duration apart) {
    for (int i = 0; i < results; ++i) pace.look(now += apart, ++count);
  }
  result_pace pace;
  time_point now{1h};
  std::uint64_t count = 0;
};

TEST_F(ResultPace, SaysNoUntilItKnows) {
  EXPECT_FALSE(pace.brings_several(large));
  pace.look(now, 0);
  come(31, 5us);
  EXPECT_FALSE(pace.brings_several(large));
}

TEST_F(ResultPace, SaysYesWhereResultsComeEveryFewMicroseconds) {
  for (const duration apart : {1us, 5us, 20us}) {
    come(1000, apart);
    EXPECT_TRUE(pace.brings_several(large)) << apart.count() << " ns";
  }
}

TEST_F(ResultPace, SaysNoWhereAWakeUpIsCheapBesideATask) {
  come(1000, 30us);
  EXPECT_FALSE(pace.brings_several(large));
}

TEST_F(ResultPace, SaysNoWhereTheBufferWouldBeFullInAMoment) {
  come(1000, 500ns);
  EXPECT_FALSE(pace.brings_several(large));
  come(1000, 5us);
  EXPECT_TRUE(pace.brings_several(large));
  EXPECT_FALSE(pace.brings_several(128));
}

TEST_F(ResultPace, IsNotMisledByAReaderThatHadNoProcessorForAWhile) {
  for (const duration gap : {50us, 200us, 4000us}) {
    come(1000, 100ns);
    now += gap;
    come(32, 100ns);
    EXPECT_FALSE(pace.brings_several(large)) << gap.count() << " ns";
  }
}

TEST_F(ResultPace, GoesOnAfterAClockThatStoodStill) {
  come(100, 0ns);
  come(1000, 5us);
  EXPECT_TRUE(pace.brings_several(large));
}

TEST_F(ResultPace, FollowsAStreamThatSlowsDownAndOneThatSpeedsUp) {
  come(1000, 5us);
  come(1000, 1ms);
  EXPECT_FALSE(pace.brings_several(large));
  come(64, 5us);
  EXPECT_TRUE(pace.brings_several(large));
}

}  // namespace
}  // namespace millpool
