#include "apps/millpool/thumbs/atomic_file.hpp"

#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

namespace millpool::thumbs {
namespace {

const std::vector<std::uint8_t> content{'n', 'e', 'w'};

[[nodiscard]] auto files_in(const std::string& folder) {
  return std::distance(std::filesystem::directory_iterator{folder},
                       std::filesystem::directory_iterator{});
}

TEST(WriteAtomically, ReplacesWhatIsThereAndLeavesNothingElse) {
  const test::scratch folder;
  folder.write("file", "old and longer");
  ASSERT_TRUE(write_atomically(folder.path("file"), content));
  EXPECT_EQ(folder.read("file"), "new");
  EXPECT_EQ(files_in(folder.root()), 1);
}

TEST(WriteAtomically, WhereItFailsNothingIsLeftAndTheOldFileStays) {
  const test::scratch folder;
  std::filesystem::create_directory(folder.path("taken"));
  const auto written = write_atomically(folder.path("taken"), content);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, failure_kind::write_failed);
  EXPECT_NE(written.error().sentence.find("taken"), std::string::npos);
  EXPECT_EQ(files_in(folder.root()), 1);
  EXPECT_FALSE(write_atomically(folder.path("no/such/folder"), content));
}

TEST(AtomicFile, IsWrittenPieceByPieceAndGoesIfItIsNotFinished) {
  const test::scratch folder;
  std::string whole;
  {
    atomic_file file{folder.path("file")};
    for (const std::size_t size : {3, 70'000, 65'535, 2, 1}) {
      const std::string piece(size, static_cast<char>('a' + size % 20));
      file.add(piece);
      whole += piece;
    }
    ASSERT_TRUE(file.finish());
    atomic_file given_up{folder.path("file")};
    given_up.add("other");
  }
  EXPECT_EQ(folder.read("file"), whole);
  EXPECT_EQ(files_in(folder.root()), 1);
}

TEST(IsLeftover, KnowsOurTemporaryNamesAndNoOthers) {
  EXPECT_TRUE(is_leftover(".millpool-thumbs-12-3.tmp"));
  EXPECT_FALSE(is_leftover("millpool-thumbs-12-3.tmp"));
  EXPECT_FALSE(is_leftover(".millpool-thumbs-12-3.jpg"));
  EXPECT_FALSE(is_leftover("photo.jpg"));
}

}  // namespace
}  // namespace millpool::thumbs
