#include "millpool/telemetry/histogram.hpp"

#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using layout = histogram_layout;

constexpr std::uint64_t u64_max = std::numeric_limits<std::uint64_t>::max();

// --- the layout: true for every bucket and at every edge ---

TEST(HistogramLayout, BucketsFollowEachOtherWithoutGapOrOverlap) {
  EXPECT_EQ(layout::first_ns(0), 0U);
  for (std::size_t i = 0; i + 1 < layout::buckets; ++i) {
    EXPECT_LE(layout::first_ns(i), layout::last_ns(i));
    EXPECT_EQ(layout::last_ns(i) + 1, layout::first_ns(i + 1)) << "bucket " << i;
  }
  EXPECT_EQ(layout::last_ns(layout::overflow), u64_max);
}

TEST(HistogramLayout, ATimeFallsIntoTheBucketWhoseBoundsHoldIt) {
  for (std::size_t i = 0; i < layout::buckets; ++i) {
    EXPECT_EQ(layout::bucket_of(layout::first_ns(i)), i);
    EXPECT_EQ(layout::bucket_of(layout::last_ns(i)), i);
  }
}

TEST(HistogramLayout, ABucketIsAtMostAQuarterOfItsFirstTimeWide) {
  for (std::size_t i = 4; i < layout::overflow; ++i) {
    const std::uint64_t first = layout::first_ns(i);
    EXPECT_LE(layout::last_ns(i) - first + 1, std::max<std::uint64_t>(1, first / 4))
        << "bucket " << i;
  }
}

TEST(HistogramLayout, CoversMoreThanAnHour) {
  EXPECT_GT(layout::first_ns(layout::overflow), static_cast<std::uint64_t>(duration{1h}.count()));
}

// --- a snapshot against the sorted list of what was recorded ---

// Times over the whole range: the power of two is uniform, so that each bucket is met.
std::vector<std::int64_t> random_times(std::mt19937_64& random, std::size_t count, int most_bits) {
  std::vector<std::int64_t> times(count);
  for (auto& time : times) {
    const int bits = std::uniform_int_distribution<int>{0, most_bits}(random);
    time = static_cast<std::int64_t>(random() & ((std::uint64_t{1} << bits) - 1));
  }
  return times;
}

std::int64_t exact_quantile(const std::vector<std::int64_t>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, Property_AQuantileIsWithinAnEighthOfTheExactOne) {
  std::mt19937_64 random{20'240'229};
  for (int round = 0; round < test::scaled(300); ++round) {
    const auto count = std::uniform_int_distribution<std::size_t>{1, 2000}(random);
    const int bits = std::uniform_int_distribution<int>{1, layout::range_bits}(random);
    auto times = random_times(random, count, bits);
    histogram recorded;
    for (const auto time : times) recorded.record(duration{time});
    std::sort(times.begin(), times.end());

    const histogram_snapshot seen = recorded.snapshot();
    for (const double q : {0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const std::int64_t exact = exact_quantile(times, q);
      const std::int64_t error = std::abs(seen.quantile(q).count() - exact);
      ASSERT_LE(8 * error, exact) << "round " << round << ", q " << q << ", exact " << exact;
    }
    ASSERT_EQ(seen.quantile(1.0), seen.max());
  }
}

TEST(Histogram, Property_CountSumAndMaxAreExact) {
  std::mt19937_64 random{7};
  const auto times = random_times(random, 10'000, layout::range_bits);
  histogram recorded;
  duration sum{};
  duration max{};
  for (const auto time : times) {
    recorded.record(duration{time});
    sum += duration{time};
    max = std::max(max, duration{time});
  }
  const auto seen = recorded.snapshot();
  EXPECT_EQ(seen.count(), 10'000U);
  EXPECT_EQ(seen.sum(), sum);
  EXPECT_EQ(seen.max(), max);
  EXPECT_EQ(seen.mean(), sum / 10'000);
  std::uint64_t in_buckets = 0;
  for (std::size_t i = 0; i < layout::buckets; ++i) in_buckets += seen.in_bucket(i);
  EXPECT_EQ(in_buckets, 10'000U);
}

TEST(Histogram, Property_MergingIsTheSameAsRecordingAllInOne) {
  std::mt19937_64 random{11};
  histogram all;
  histogram_snapshot merged;
  for (int part = 0; part < 5; ++part) {
    histogram one;
    for (const auto time : random_times(random, 1000, layout::range_bits + 2)) {
      one.record(duration{time});
      all.record(duration{time});
    }
    merged.merge(one.snapshot());
  }
  EXPECT_EQ(merged, all.snapshot());
}

TEST(Histogram, OneRecordMayStandForSeveral) {
  histogram once;
  histogram sixteen_times;
  once.record(1500ns, 16);
  for (int i = 0; i < 16; ++i) sixteen_times.record(1500ns);
  EXPECT_EQ(once.snapshot(), sixteen_times.snapshot());
}

// --- the edges ---

TEST(Histogram, HoldsNothingWhenItIsNew) {
  const auto seen = histogram{}.snapshot();
  EXPECT_EQ(seen.count(), 0U);
  EXPECT_EQ(seen.sum(), 0ns);
  EXPECT_EQ(seen.max(), 0ns);
  EXPECT_EQ(seen.mean(), 0ns);
  EXPECT_EQ(seen.quantile(0.5), 0ns);
  EXPECT_EQ(seen, histogram_snapshot{});
}

TEST(Histogram, CountsANegativeTimeAsZero) {
  histogram recorded;
  recorded.record(-5ns);
  recorded.record(duration::min());
  EXPECT_EQ(recorded.snapshot().in_bucket(0), 2U);
  EXPECT_EQ(recorded.snapshot().max(), 0ns);
}

TEST(Histogram, TellsTheLargestTimeForWhatLiesBeyondItsRange) {
  histogram recorded;
  recorded.record(1ns);
  recorded.record(2h);
  recorded.record(100h);
  const auto seen = recorded.snapshot();
  EXPECT_EQ(seen.in_bucket(layout::overflow), 2U);
  EXPECT_EQ(seen.quantile(0.3), 1ns);
  EXPECT_EQ(seen.quantile(0.5), 100h);
  EXPECT_EQ(seen.quantile(1.0), 100h);
}

TEST(Histogram, ATotalBeyondTheRangeStaysAtItsEnd) {
  histogram recorded;
  recorded.record(duration::max(), 5);
  recorded.record(2ns);
  auto seen = recorded.snapshot();
  EXPECT_EQ(seen.sum(), duration::max());
  seen.merge(recorded.snapshot());
  EXPECT_EQ(seen.sum(), duration::max());
}

TEST(HistogramDeathTest, SaysThatAQuantileLiesBetween0And1) {
  const histogram_snapshot seen;
  EXPECT_DEATH((void)seen.quantile(1.5), "between 0 and 1");
  EXPECT_DEATH((void)seen.quantile(-0.1), "between 0 and 1");
  EXPECT_DEATH((void)seen.quantile(std::nan("")), "between 0 and 1");
}

// --- a reader beside the writer ---

TEST(Histogram, AReaderBesideTheWriterSeesNothingGoBack) {
  histogram recorded;
  const int records = test::scaled(100'000);
  const auto total = static_cast<std::uint64_t>(records);
  test::run_together(2, [&](int thread) {
    if (thread == 0) {
      for (int i = 0; i < records; ++i) recorded.record(duration{i});
      return;
    }
    for (histogram_snapshot before; before.count() < total;) {
      const histogram_snapshot now = recorded.snapshot();
      for (std::size_t i = 0; i < layout::buckets; ++i) {
        ASSERT_GE(now.in_bucket(i), before.in_bucket(i));
      }
      ASSERT_GE(now.sum(), before.sum());
      ASSERT_GE(now.max(), before.max());
      before = now;
    }
  });
}

TEST(Histogram, SumAndMaxCoverWhatASnapshotCounts) {
  histogram recorded;
  const int records = test::scaled(100'000);
  const auto total = static_cast<std::uint64_t>(records);
  test::run_together(2, [&](int thread) {
    if (thread == 0) {
      for (int i = 0; i < records; ++i) recorded.record(1000ns);
      return;
    }
    for (std::uint64_t counted = 0; counted < total;) {
      const histogram_snapshot now = recorded.snapshot();
      counted = now.count();
      ASSERT_GE(static_cast<std::uint64_t>(now.sum().count()), 1000 * counted);
      ASSERT_TRUE(counted == 0 || now.max() == 1000ns);
    }
  });
}

}  // namespace
}  // namespace millpool
