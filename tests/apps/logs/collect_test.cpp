// What is collected of many lines: groups, values, sketches, samples.
#include "apps/millpool/logs/groups.hpp"
#include "apps/millpool/logs/hash.hpp"
#include "apps/millpool/logs/hyperloglog.hpp"
#include "apps/millpool/logs/kept_lines.hpp"
#include "apps/millpool/logs/number.hpp"
#include "apps/millpool/logs/summary.hpp"
#include "apps/millpool/logs/value_counts.hpp"
#include "tests/support/run_together.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>

namespace millpool::logs {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

TEST(Number, ReadsDecimalNumbersOnly) {
  EXPECT_EQ(parse_number("42"), 42);
  EXPECT_EQ(parse_number("007"), 7);
  EXPECT_EQ(parse_number("-1.5"), -1.5);
  EXPECT_EQ(parse_number("2e3"), 2000);
  EXPECT_EQ(parse_number("12345678901234567890"), 12345678901234567890.0);
  for (const char* text : {"", "-", "x", "1x", "0x10", "inf", "nan", "1 ", " 1", "+1", "1e999"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

// ---- groups

std::map<std::string, std::uint64_t> as_map(const group_counts& counts) {
  std::map<std::string, std::uint64_t> out;
  for (const auto& [key, lines] : counts.groups()) out[std::string{key}] += lines;
  return out;
}

TEST(Groups, CountsEachKey) {
  group_names names{10};
  group_counts counts{names};
  for (const char* key : {"a", "b", "a", "", "a"}) counts.add(std::string_view{key});
  EXPECT_THAT(as_map(counts),
              UnorderedElementsAre(std::pair{"a", 3}, std::pair{"b", 1}, std::pair{"", 1}));
  EXPECT_EQ(counts.other(), 0u);
}

TEST(Groups, BeyondTheLimitAKeyIsOtherForEver) {
  group_names names{2};
  group_counts counts{names};
  for (const char* key : {"a", "c", "b", "a", "b", "c"}) counts.add(std::string_view{key});
  EXPECT_THAT(as_map(counts), UnorderedElementsAre(std::pair{"a", 2}, std::pair{"c", 2}));
  EXPECT_EQ(counts.other(), 2u);
}

TEST(Groups, AKeyForWhichThereAreNoBytesIsOtherAlone) {
  group_names names{400};  // 102,400 bytes
  group_counts counts{names};
  for (const char key : {'x', 'y', 'x', 'y'}) counts.add(std::string(60'000, key));
  counts.add(std::string_view{"z"});
  EXPECT_THAT(as_map(counts),
              UnorderedElementsAre(std::pair{std::string(60'000, 'x'), 2}, std::pair{"z", 1}));
  EXPECT_EQ(counts.other(), 2u);
}

TEST(Groups, FewGroupsHaveRoomForLongKeys) {
  group_names names{1};
  group_counts counts{names};
  counts.add(std::string(300, 'x'));
  EXPECT_EQ(as_map(counts).size(), 1u);
}

TEST(Groups, KeysTakeNoMoreMemoryThanTheLimitAllows) {
  group_names names{1000};
  group_counts counts{names};
  for (int i = 0; i < 1000; ++i) counts.add(std::to_string(i) + std::string(1000, 'x'));
  std::size_t bytes = 0;
  for (const auto& [key, lines] : as_map(counts)) bytes += key.size();
  EXPECT_LE(bytes, 256'000u);
  EXPECT_GT(bytes, 250'000u);
}

TEST(Groups, NumbersCountAsKeysOfEightBytes) {
  group_names names{10};
  group_counts counts{names};
  for (const std::int64_t key : {5, 5, 7, 5, -1}) counts.add(key);
  EXPECT_EQ(counts.groups().size(), 3u);
  std::uint64_t all = 0;
  for (const auto& [key, lines] : counts.groups()) all += lines;
  EXPECT_EQ(all, 5u);
}

// Whatever the interleaving: a key that has a number has all of its lines counted, and no line is
// lost.
TEST(Groups, WhatWorkersCountTogetherAddsUp) {
  constexpr std::size_t workers = 4;
  constexpr std::size_t limit = 50;
  constexpr int each = 20'000;
  group_names names{limit};
  std::vector<std::unique_ptr<group_counts>> counts;
  for (std::size_t i = 0; i < workers; ++i) counts.push_back(std::make_unique<group_counts>(names));
  test::run_together(workers, [&](std::size_t worker) {
    for (int i = 0; i < each; ++i) {
      counts[worker]->add(
          std::string_view{"key" + std::to_string((i * 7 + static_cast<int>(worker)) % 100)});
    }
  });
  group_counts all{names};
  for (const auto& one : counts) all.merge(*one);
  const auto found = as_map(all);
  EXPECT_EQ(found.size(), limit);
  std::uint64_t counted = all.other();
  for (const auto& [key, lines] : found) {
    EXPECT_EQ(lines, workers * each / 100) << key;
    counted += lines;
  }
  EXPECT_EQ(counted, workers * each);
}

TEST(Groups, AreSavedWhole) {
  group_names names{3};
  group_counts counts{names};
  for (const char* key : {"a", "b", "a", "c", "d"}) counts.add(std::string_view{key});
  archive_writer out;
  counts.save(out);
  group_names later_names{3};
  group_counts later{later_names};
  archive_reader in{out.text()};
  later.load(in);
  later.add(std::string_view{"a"});
  later.add(std::string_view{"d"});
  EXPECT_TRUE(in.at_end());
  EXPECT_THAT(as_map(later),
              UnorderedElementsAre(std::pair{"a", 3}, std::pair{"b", 1}, std::pair{"c", 1}));
  EXPECT_EQ(later.other(), 2u);
}

// ---- values

// `tenths` of a percent, so that no double decides which rank it is.
double nearest_rank(std::vector<double> values, std::size_t tenths) {
  std::sort(values.begin(), values.end());
  return values[std::max<std::size_t>((values.size() * tenths + 999) / 1000, 1) - 1];
}

TEST(ValueCounts, IsExactWhileThereAreFewDifferentValues) {
  std::mt19937_64 random{1};
  std::vector<double> values;
  value_counts counts;
  for (int i = 0; i < 200'000; ++i) {
    values.push_back((static_cast<double>(random() % 60'000) - 30'000) / 8);
    counts.add(values.back());
  }
  ASSERT_TRUE(counts.is_exact());
  EXPECT_EQ(counts.count(), values.size());
  const std::array percents{0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0};
  const auto found = counts.percentiles(percents);
  for (std::size_t i = 0; i < percents.size(); ++i) {
    const auto tenths = static_cast<std::size_t>(std::lround(percents[i] * 10));
    EXPECT_EQ(found[i], nearest_rank(values, tenths)) << percents[i];
  }
}

TEST(ValueCounts, RanksAreThoseOfThePercentsAsTheyAreWritten) {
  value_counts hundred;
  value_counts thousand;
  for (int i = 1; i <= 1000; ++i) {
    if (i <= 100) hundred.add(i);
    thousand.add(i);
  }
  std::vector<double> percents;
  for (int i = 0; i <= 1000; ++i) percents.push_back(i / 10.0);
  const auto of_hundred = hundred.percentiles(percents);
  const auto of_thousand = thousand.percentiles(percents);
  for (int i = 0; i <= 1000; ++i) {
    EXPECT_EQ(of_hundred[static_cast<std::size_t>(i)], std::max((i + 9) / 10, 1)) << i;
    EXPECT_EQ(of_thousand[static_cast<std::size_t>(i)], std::max(i, 1)) << i;
  }
}

TEST(ValueCounts, BeyondThatItsErrorIsAsStated) {
  std::mt19937_64 random{2};
  std::lognormal_distribution<double> spread{3, 4};
  std::vector<double> values;
  value_counts counts;
  for (int i = 0; i < 200'000; ++i) {
    values.push_back((random() % 2 == 0 ? 1 : -1) * spread(random));
    counts.add(values.back());
  }
  ASSERT_FALSE(counts.is_exact());
  const std::array percents{0.1, 10.0, 30.0, 70.0, 99.0, 100.0};
  const auto found = counts.percentiles(percents);
  for (std::size_t i = 0; i < percents.size(); ++i) {
    const auto tenths = static_cast<std::size_t>(std::lround(percents[i] * 10));
    const double expected = nearest_rank(values, tenths);
    EXPECT_LE(std::abs(*found[i] - expected), std::abs(expected) * value_counts::relative_error)
        << percents[i];
  }
}

TEST(ValueCounts, HasNothingToSayOfNothing) {
  const std::array median{50.0};
  EXPECT_THAT(value_counts{}.percentiles(median), ElementsAre(std::nullopt));
}

TEST(ValueCounts, ZeroIsZeroAlsoInexactly) {
  value_counts counts;
  for (int i = 1; i < 70'000; ++i) counts.add(i);
  for (int i = 0; i < 200'000; ++i) counts.add(i % 2 == 0 ? 0.0 : -0.0);
  ASSERT_FALSE(counts.is_exact());
  const std::array median{50.0};
  EXPECT_THAT(counts.percentiles(median), ElementsAre(0.0));
}

// How the values were dealt out decides neither the answer nor whether it is exact.
TEST(ValueCounts, MergingDoesNotDependOnTheOrder) {
  for (const int different : {1000, 65'536, 65'537, 150'000}) {
    value_counts whole;
    std::array<value_counts, 3> parts;
    for (int i = 0; i < different; ++i) {
      whole.add(i * 1.25);
      parts[static_cast<std::size_t>(i % 3)].add(i * 1.25);
    }
    value_counts forwards;
    for (const auto& part : parts) forwards.merge(part);
    value_counts backwards;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) backwards.merge(*part);
    const std::array percents{10.0, 50.0, 99.0};
    EXPECT_EQ(whole.is_exact(), different <= 65'536);
    for (const value_counts* one : {&forwards, &backwards}) {
      EXPECT_EQ(one->is_exact(), whole.is_exact()) << different;
      EXPECT_EQ(one->count(), whole.count());
      EXPECT_EQ(one->percentiles(percents), whole.percentiles(percents)) << different;
    }
  }
}

TEST(ValueCounts, AreSavedWhole) {
  for (const int different : {10, 70'000}) {
    value_counts counts;
    for (int i = 0; i < different; ++i) counts.add(i);
    archive_writer out;
    counts.save(out);
    archive_reader in{out.text()};
    value_counts later;
    later.load(in);
    const std::array percents{25.0, 75.0};
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(later.is_exact(), counts.is_exact());
    EXPECT_EQ(later.percentiles(percents), counts.percentiles(percents));
  }
}

// ---- sketches, sums, samples

std::uint64_t hash_of_number(std::uint64_t number) {
  const std::string text = std::to_string(number);
  return hash_of(text);
}

TEST(HyperLogLog, IsWithinThreeStandardErrors) {
  hyperloglog sketch;
  std::uint64_t next = 0;
  for (const std::uint64_t size : {0U, 1U, 10U, 1000U, 20'000U, 100'000U, 1'000'000U}) {
    for (; next < size; ++next) sketch.add(hash_of_number(next));
    const auto exact = static_cast<double>(size);
    EXPECT_NEAR(sketch.estimate(), exact, exact * 3 * hyperloglog::standard_error + 0.01);
  }
  const double before = sketch.estimate();
  for (std::uint64_t i = 0; i < 1000; ++i) sketch.add(hash_of_number(i));
  EXPECT_EQ(sketch.estimate(), before);  // none of these is new
}

TEST(HyperLogLog, MergedAndSavedItIsTheSketchOfAll) {
  hyperloglog whole;
  hyperloglog odd;
  hyperloglog even;
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    whole.add(hash_of_number(i));
    (i % 2 == 0 ? even : odd).add(hash_of_number(i));
  }
  archive_writer out;
  odd.save(out);
  archive_reader in{out.text()};
  even.load(in);
  EXPECT_EQ(even.estimate(), whole.estimate());
}

TEST(Summary, SumsWholeNumbersExactly) {
  summary left;
  summary right;
  for (int i = 0; i < 1000; ++i) left.add(9007199254740991.0);
  for (int i = 0; i < 1000; ++i) right.add(-9007199254740990.0);
  archive_writer out;
  right.save(out);
  archive_reader in{out.text()};
  left.load(in);
  EXPECT_EQ(left.sum(), 1000);
  EXPECT_EQ(left.count(), 2000u);
  EXPECT_EQ(left.least(), -9007199254740990.0);
  EXPECT_EQ(left.greatest(), 9007199254740991.0);
  EXPECT_EQ(left.mean(), 0.5);
}

TEST(Summary, TellsInFullASumThatDoublesDoNotHold) {
  summary sum;
  sum.add(9007199254740992.0);
  EXPECT_EQ(sum.large_sum(), "");
  sum.add(1);
  EXPECT_EQ(sum.large_sum(), "9007199254740993");
  for (int i = 0; i < 2000; ++i) sum.add(-8e18);
  EXPECT_EQ(sum.large_sum(), "-15999990992800745259007");
  sum.add(0.5);
  EXPECT_EQ(sum.large_sum(), "");
}

TEST(KeptLines, KeepsThoseOfTheSmallestRanksWhoeverSawThem) {
  kept_lines<int> one{3};
  kept_lines<int> two{3};
  for (const int rank : {5, 3, 9}) one.add(rank, {}, std::to_string(rank));
  for (const int rank : {1, 8, 4}) two.add(rank, {}, std::to_string(rank));
  one.merge(two);
  std::vector<std::string> texts;
  for (const auto& line : one.lines()) texts.push_back(line.text);
  EXPECT_THAT(texts, ElementsAre("1", "3", "4"));
  EXPECT_FALSE(one.wants(4));
  EXPECT_TRUE(one.wants(2));
  EXPECT_FALSE(kept_lines<int>{0}.wants(0));
}

struct counted_rank {
  int value = 0;
  static inline std::size_t comparisons = 0;
  static inline std::size_t moves = 0;
  explicit counted_rank(int of) : value{of} {}
  counted_rank(const counted_rank& other) : value{other.value} { ++moves; }
  counted_rank& operator=(const counted_rank& other) {
    value = other.value;
    ++moves;
    return *this;
  }
  bool operator<(const counted_rank& other) const {
    ++comparisons;
    return value < other.value;
  }
};

TEST(KeptLines, ManyAreKeptInAboutAsManySteps) {
  constexpr int lines = 50'000;
  kept_lines<counted_rank> kept{lines / 2};
  for (int i = lines; i > 0; --i) kept.add(counted_rank{i}, {}, "");  // each is wanted
  EXPECT_EQ(kept.lines().front().rank.value, 1);
  EXPECT_LE(counted_rank::comparisons, 100u * lines);
  EXPECT_LE(counted_rank::moves, 100u * lines);
}

}  // namespace
}  // namespace millpool::logs
