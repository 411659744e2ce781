#include "apps/millpool/run/record_splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace millpool::run {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Feeds `text` in pieces of `step` bytes.
std::vector<std::string> split(std::string_view text, std::size_t step, char separator = '\n') {
  record_splitter splitter{separator};
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto piece = text.substr(0, step);
    std::copy(piece.begin(), piece.end(), splitter.room().begin());
    splitter.commit(piece.size());
    text.remove_prefix(piece.size());
    while (const auto record = splitter.next()) out.emplace_back(*record);
  }
  splitter.finish();
  while (const auto record = splitter.next()) out.emplace_back(*record);
  EXPECT_TRUE(splitter.at_end());
  return out;
}

TEST(RecordSplitter, CutsTheSameRecordsHoweverTheBytesArrive) {
  for (const std::size_t step : {1u, 2u, 3u, 100u}) {
    EXPECT_THAT(split("ab\ncd\n\nlast", step), ElementsAre("ab", "cd", "", "last")) << step;
  }
}

TEST(RecordSplitter, CountsALastRecordWithoutItsSeparator) {
  EXPECT_THAT(split("a\nb", 10), ElementsAre("a", "b"));
  EXPECT_THAT(split("a\nb\n", 10), ElementsAre("a", "b"));
  EXPECT_THAT(split("\n", 10), ElementsAre(""));
  EXPECT_THAT(split("", 10), IsEmpty());
}

TEST(RecordSplitter, CutsAtNulBytesToo) {
  EXPECT_THAT(split(std::string_view("a\nb\0c", 5), 2, '\0'), ElementsAre("a\nb", "c"));
}

TEST(RecordSplitter, TakesARecordOfAnyLengthAndGivesItsMemoryBack) {
  const std::string giant(5'000'000, 'x');
  record_splitter splitter{'\n'};
  std::string_view rest = giant;
  while (!rest.empty()) {
    const auto room = splitter.room();
    const auto piece = rest.substr(0, room.size());
    std::copy(piece.begin(), piece.end(), room.begin());
    splitter.commit(piece.size());
    rest.remove_prefix(piece.size());
    EXPECT_EQ(splitter.next(), std::nullopt);
  }
  splitter.room().front() = '\n';
  splitter.commit(1);
  EXPECT_EQ(splitter.next(), giant);
  EXPECT_LT(splitter.room().size(), giant.size());
}

}  // namespace
}  // namespace millpool::run
