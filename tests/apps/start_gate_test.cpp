#include "apps/millpool/run/start_gate.hpp"

#include <gtest/gtest.h>

namespace millpool::run {
namespace {

TEST(StartGate, ReadsHowMuchMemoryIsAvailable) {
  EXPECT_EQ(available_memory("MemTotal:  100 kB\nMemFree: 5 kB\nMemAvailable:    42 kB\n"),
            42u * 1024);
  EXPECT_EQ(available_memory("MemTotal: 100 kB\n"), std::nullopt);
  EXPECT_EQ(available_memory("MemAvailable:"), std::nullopt);
}

TEST(StartGate, IsOpenWithoutConditions) {
  stop_state stop;
  start_gate gate{duration::zero(), 0, stop};
  EXPECT_TRUE(gate.pass());
}

TEST(StartGate, LetsNobodyPassOnceTheRunEnds) {
  stop_state stop;
  stop.request(stop_level::drain);
  EXPECT_FALSE((start_gate{duration::zero(), 0, stop}.pass()));
  EXPECT_FALSE((start_gate{std::chrono::hours{1}, 0, stop}.pass()));
  EXPECT_FALSE((start_gate{duration::zero(), UINT64_MAX, stop}.pass()))
      << "no machine has so much memory";
}

TEST(StopState, MovesForwardOnly) {
  stop_state stop;
  EXPECT_TRUE(stop.request(stop_level::kill));
  EXPECT_FALSE(stop.request(stop_level::drain));
  EXPECT_EQ(stop.level(), stop_level::kill);
}

}  // namespace
}  // namespace millpool::run
