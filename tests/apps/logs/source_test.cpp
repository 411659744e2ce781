#include "apps/millpool/logs/source.hpp"

#include "apps/support/io.hpp"
#include "apps/support/unique_fd.hpp"
#include "tests/apps/logs/compressed.hpp"
#include "tests/apps/scratch.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <random>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace millpool::logs {
namespace {

using millpool::test::scratch;
using ::testing::HasSubstr;

struct read_back {
  std::string text;
  std::vector<std::string> problems;
  std::vector<std::uint64_t> overlong;  // offsets
  bool offsets_fit = true;              // each block's, with the text
};

// Reads all blocks. Each lies in a buffer with something else behind it: a parser may look there.
read_back read_all(source& from) {
  read_back out;
  block part;
  std::uint64_t expected = from.position();
  while (from.claim(part)) {
    part.load();
    if (!part.lines.empty()) {
      out.offsets_fit &= part.offset >= expected;
      expected = part.offset + part.lines.size();
    }
    out.text += part.lines;
    if (part.too_long) out.overlong.push_back(part.too_long->offset);
    if (!part.problem.empty()) out.problems.push_back(part.problem);
  }
  return out;
}

read_back read_file(const std::string& path, bool whole_lines = false) {
  const auto opened = open_source(path, -1, whole_lines);
  if (!opened) return {.text = {}, .problems = {opened.error()}, .overlong = {}};
  return read_all(**opened);
}

std::string random_lines(std::size_t size, std::size_t longest, unsigned seed) {
  std::mt19937 random{seed};
  std::string text;
  while (text.size() < size) {
    text.append(random() % (longest + 1), static_cast<char>('a' + random() % 26));
    text += '\n';
  }
  return text;
}

TEST(Source, GivesEveryLineOnceWhereverBlocksAreCut) {
  const scratch folder;
  // A line's end at every place around a block's.
  for (std::size_t around = 0; around < 4; ++around) {
    const std::string text = std::string(block_size - 2 + around, 'x') + "\nlast\n" +
                             random_lines(3 * block_size, 300, 1);
    const auto found = read_file(folder.write("log", text));
    // With its newline the first line fits in a block, or it is too long.
    EXPECT_EQ(found.text == text, around < 2) << around;
    EXPECT_EQ(found.overlong.size(), around < 2 ? 0U : 1U) << around;
    EXPECT_TRUE(found.offsets_fit);
    EXPECT_TRUE(found.problems.empty());
  }
}

TEST(Source, GivesLongAndShortLinesAlike) {
  const scratch folder;
  for (const std::size_t longest : {0U, 1U, 5000U, 200'000U, 900'000U}) {
    const std::string text = random_lines(5 * block_size, longest, 7);
    const auto found = read_file(folder.write("log", text));
    EXPECT_TRUE(found.text == text) << longest;
    EXPECT_TRUE(found.overlong.empty());
  }
}

TEST(Source, TakesFilesWithoutALastNewlineAndEmptyOnes) {
  const scratch folder;
  EXPECT_EQ(read_file(folder.write("log", "a\nb")).text, "a\nb");
  EXPECT_EQ(read_file(folder.write("log", "\n")).text, "\n");
  EXPECT_EQ(read_file(folder.write("log", "")).text, "");
  EXPECT_EQ(read_file(folder.write("log", "x")).text, "x");
}

TEST(Source, ALineThatIsTooLongIsSaidOnceAndLeftOut) {
  const scratch folder;
  const std::string before = random_lines(100, 20, 1);
  const std::string after = random_lines(2 * block_size, 50, 2);
  for (const std::size_t size : {block_size, 2 * block_size, 5 * block_size + 17}) {
    const std::string text = before + std::string(size, 'x') + "\n" + after;
    const std::string gzipped = test::gzip(text);
    for (const std::string& content : {text, gzipped}) {
      const auto found = read_file(folder.write("log", content));
      EXPECT_TRUE(found.text == before + after) << size << ' ' << content.size();
      EXPECT_THAT(found.overlong, ::testing::ElementsAre(before.size()));
    }
  }
}

TEST(Source, LeavesTheUnfinishedLineForLater) {
  const scratch folder;
  const std::string path = folder.write("log", "a\nb\nunfini");
  auto opened = open_source(path, -1, true);
  ASSERT_TRUE(opened);
  EXPECT_EQ(read_all(**opened).text, "a\nb\n");
  auto& file = dynamic_cast<plain_source&>(**opened);
  EXPECT_TRUE(file.has_unfinished_line());
  EXPECT_EQ(file.refresh(false), plain_source::change::none);
  std::ofstream{path, std::ios::app} << "shed\nmore";
  EXPECT_EQ(file.refresh(false), plain_source::change::more);
  EXPECT_EQ(read_all(file).text, "unfinished\n");
  EXPECT_EQ(file.refresh(true), plain_source::change::more);
  EXPECT_EQ(read_all(file).text, "more");
}

TEST(Source, SeesThatAFileWasCutBehindTheLastWholeLine) {
  const scratch folder;
  const std::string path = folder.write("log", "a\nunfinished");
  auto opened = open_source(path, -1, true);
  ASSERT_TRUE(opened);
  EXPECT_EQ(read_all(**opened).text, "a\n");
  folder.write("log", "b\nc\n");
  EXPECT_EQ(dynamic_cast<plain_source&>(**opened).refresh(false), plain_source::change::cut);
}

TEST(Source, GivesTheLinesOfAPipeBeforeItWaitsForMore) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const app::unique_fd writer{ends[1]};
  const app::unique_fd reader{ends[0]};
  ASSERT_FALSE(app::write_all(writer.get(), "a\nb\n"));
  auto opened = open_source("/dev/fd/" + std::to_string(reader.get()), -1, false);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->peek(), "a\nb\n");
  block part;
  ASSERT_TRUE((*opened)->claim(part));  // the pipe is still open: more than that may come
  EXPECT_EQ(part.lines, "a\nb\n");
}

TEST(Source, SkipsToAPlaceWithoutRepeatingALine) {
  const scratch folder;
  const std::string text = random_lines(3 * block_size, 100, 3);
  const std::string zipped = test::gzip(text);
  for (const std::string& content : {text, zipped}) {
    const std::string path = folder.write("log", content);
    auto first = open_source(path, -1, false);
    ASSERT_TRUE(first);
    block part;
    ASSERT_TRUE((*first)->claim(part));
    part.load();
    std::string all{part.lines};
    auto second = open_source(path, -1, false);
    ASSERT_TRUE(second);
    (*second)->skip_to((*first)->position());
    EXPECT_TRUE(all + read_all(**second).text == text);
  }
}

TEST(Source, PeeksWithoutTakingAndSkipsTheFirstLine) {
  const scratch folder;
  for (const std::string& content : {std::string{"head\na\nb\n"}, test::gzip("head\na\nb\n")}) {
    auto opened = open_source(folder.write("log", content), -1, false);
    ASSERT_TRUE(opened);
    EXPECT_EQ(first_line((*opened)->peek()).line, "head");
    (*opened)->skip_line(5);
    block part;
    ASSERT_TRUE((*opened)->claim(part));
    part.load();
    EXPECT_EQ(part.lines, "a\nb\n");
    EXPECT_EQ(part.offset, 5u);
  }
}

TEST(Source, ReadsSeveralGzipMembersAndZstdFrames) {
  const scratch folder;
  const std::string one = random_lines(2 * block_size, 300, 4);
  const std::string two = random_lines(3 * block_size, 300, 5);
  const auto zipped = read_file(folder.write("log", test::gzip(one) + test::gzip(two)));
  EXPECT_TRUE(zipped.text == one + two);
  EXPECT_TRUE(zipped.problems.empty());
  EXPECT_TRUE(zipped.offsets_fit);
  const auto packed = read_file(folder.write("log", test::zstd(one) + test::zstd(two)));
  EXPECT_TRUE(packed.text == one + two);
  EXPECT_TRUE(packed.problems.empty());
  EXPECT_EQ(read_file(folder.write("log", test::gzip("a\n") + std::string(512, '\0'))).text, "a\n");
}

TEST(Source, GivesWhatATruncatedFileHasAndSaysSo) {
  const scratch folder;
  const std::string text = random_lines(2 * block_size, 300, 6);
  for (std::string content : {test::gzip(text), test::zstd(text)}) {
    content.resize(content.size() / 2);
    const auto found = read_file(folder.write("log", content));
    EXPECT_TRUE(text.starts_with(found.text));
    EXPECT_GT(found.text.size(), text.size() / 4);
    ASSERT_EQ(found.problems.size(), 1u);
    EXPECT_THAT(found.problems.front(), HasSubstr("truncated"));
  }
}

TEST(Source, ATruncatedEndIsSaidWhereverItIs) {
  const scratch folder;
  for (const std::string& content : {test::gzip("a\nb\nc\n"), test::zstd("a\nb\nc\n")}) {
    for (std::size_t size = 5; size < content.size(); ++size) {
      const auto found = read_file(folder.write("log", content.substr(0, size)));
      EXPECT_TRUE(std::string_view{"a\nb\nc\n"}.starts_with(found.text));
      EXPECT_EQ(found.problems.size(), 1u) << size << " of " << content.size();
    }
  }
}

TEST(Source, SaysWhereCompressedDataIsDamaged) {
  const scratch folder;
  std::string content = test::gzip(random_lines(block_size, 300, 6));
  content[content.size() - 6] ^= 1;  // the checksum
  EXPECT_THAT(read_file(folder.write("log", content)).problems,
              ::testing::ElementsAre(HasSubstr("the checksum of a gzip member is wrong")));
  EXPECT_THAT(read_file(folder.write("log", test::gzip("a\n") + "junk")).problems,
              ::testing::ElementsAre(HasSubstr("what follows the gzip data is none")));
}

TEST(Source, SaysWhyItCannotBeOpened) {
  const scratch folder;
  EXPECT_THAT(read_file(folder.path("none")).problems,
              ::testing::ElementsAre("No such file or directory"));
  EXPECT_THAT(read_file(folder.root()).problems, ::testing::ElementsAre("it is a directory"));
}

TEST(Source, DeliversWhatAPipeHasWithoutWaitingForMore) {
  const scratch folder;
  const std::string path = folder.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(folder.path("answer").c_str(), 0600), 0);
  std::jthread writer{[&] {
    const app::unique_fd fd{::open(path.c_str(), O_WRONLY)};
    EXPECT_EQ(::write(fd.get(), "one\ntw", 6), 6);
    // The reader takes the first line before this one comes: else it would wait for ever.
    const app::unique_fd answer{::open(folder.path("answer").c_str(), O_RDONLY)};
    char byte = 0;
    EXPECT_EQ(::read(answer.get(), &byte, 1), 1);
    EXPECT_EQ(::write(fd.get(), "o\n", 2), 2);
  }};
  auto opened = open_source(path, -1, false);
  ASSERT_TRUE(opened);
  block part;
  ASSERT_TRUE((*opened)->claim(part));
  EXPECT_EQ(part.lines, "one\n");
  {
    const app::unique_fd answer{::open(folder.path("answer").c_str(), O_WRONLY)};
    EXPECT_EQ(::write(answer.get(), "x", 1), 1);
  }
  EXPECT_EQ(read_all(**opened).text, "two\n");
}

}  // namespace
}  // namespace millpool::logs
