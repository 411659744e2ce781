#include "bench/pool/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace bench {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(PoolBenchOptions, WithoutFlagsEveryCaseRunsFiveTimes) {
  const options found = parse_options({});
  EXPECT_EQ(found.rounds, 5u);
  EXPECT_THAT(found.cases, Contains("A"));
  EXPECT_THAT(found.cases, Contains("M"));
}

TEST(PoolBenchOptions, ALetterOfTwoCasesStandsForBothAndCIsNotC1) {
  EXPECT_THAT(parse_options({"--case", "H,C,J3"}).cases, ElementsAre("H50", "H200", "C", "J3"));
}

TEST(PoolBenchOptions, QuickMeansThreeRoundsUnlessTheirNumberIsGiven) {
  EXPECT_EQ(parse_options({"--quick"}).rounds, 3u);
  EXPECT_EQ(parse_options({"--rounds", "7", "--quick"}).rounds, 7u);
}

TEST(PoolBenchOptions, WhatIsNotKnownIsRefused) {
  EXPECT_THROW(parse_options({"--case", "Z"}), std::invalid_argument);
  EXPECT_THROW(parse_options({"--case"}), std::invalid_argument);
  EXPECT_THROW(parse_options({"--subject", "nobody"}), std::invalid_argument);
  EXPECT_THROW(parse_options({"--rounds", "0"}), std::invalid_argument);
  EXPECT_THROW(parse_options({"--rounds", "5x"}), std::invalid_argument);
  EXPECT_THROW(parse_options({"--fast"}), std::invalid_argument);
}

}  // namespace
}  // namespace bench
