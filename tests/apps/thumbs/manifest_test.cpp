#include "apps/millpool/thumbs/manifest.hpp"

#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace millpool::thumbs {
namespace {

[[nodiscard]] manifest_entry made(const std::string& source) {
  manifest_entry entry{.source = source, .bytes = 1234, .mtime_ns = -5};
  entry.settings = "256 contain jpeg q80 srgb";
  entry.hash = "00ff";
  entry.width = 4000;
  entry.height = 3000;
  entry.outputs = {{.path = "256/" + source, .width = 256, .height = 192, .bytes = 99}};
  return entry;
}

[[nodiscard]] std::vector<std::string> sources(const manifest& log) {
  std::vector<std::string> all;
  log.for_each([&](const manifest_entry& each) { all.push_back(each.source); });
  return all;
}

void expect_same(const manifest_entry& a, const manifest_entry& b) {
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.became, b.became);
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.mtime_ns, b.mtime_ns);
  EXPECT_EQ(a.hash, b.hash);
  EXPECT_EQ(a.settings, b.settings);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.why.kind, b.why.kind);
  EXPECT_EQ(a.why.sentence, b.why.sentence);
  ASSERT_EQ(a.outputs.size(), b.outputs.size());
  for (std::size_t i = 0; i < a.outputs.size(); ++i) {
    EXPECT_EQ(a.outputs[i].path, b.outputs[i].path);
    EXPECT_EQ(a.outputs[i].bytes, b.outputs[i].bytes);
  }
}

TEST(ManifestLine, IsReadAsItWasWritten) {
  manifest_entry failed = made("f.jpg");
  failed.became = manifest_entry::state::failed;
  failed.outputs.clear();
  failed.why = {failure_kind::timeout, "too \"slow\"\n"};
  manifest_entry unchanged = made("u.jpg");
  unchanged.became = manifest_entry::state::unchanged;
  for (const manifest_entry& each :
       {made("a.jpg"), made("Grüße\n\"写真\".jpg"), made("\xff\xfe/\xc3.jpg"), failed, unchanged}) {
    const std::string line = to_line(each);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto read = parse_line(line);
    ASSERT_TRUE(read) << line;
    expect_same(*read, each);
  }
}

TEST(ManifestLine, OthersAreNone) {
  for (const char* other :
       {"", "{", "[]", "1", "{}", R"({"source":1,"state":"made"})", R"({"source":"a"})",
        R"({"source":"a","state":"lost"})", R"({"source":"a","state":"failed"})",
        R"({"source":"a","state":"made","outputs":[1]})",
        R"({"source":"a","state":"made","outputs":7})",
        R"({"source":"a","source_hex":"6","state":"made"})"})
    EXPECT_FALSE(parse_line(other)) << other;
}

TEST(Manifest, TheLastLineOfASourceCounts) {
  const test::scratch folder;
  {
    auto log = manifest::open(folder.path("log")).value();
    EXPECT_FALSE(log.find("a"));
    ASSERT_TRUE(log.append(made("a")));
    manifest_entry again = made("a");
    again.bytes = 77;
    ASSERT_TRUE(log.append(again));
    EXPECT_EQ(log.find("a")->bytes, 77U);
  }
  const auto reopened = manifest::open(folder.path("log")).value();
  EXPECT_EQ(reopened.find("a")->bytes, 77U);
}

TEST(Manifest, IsSortedFolderByFolder) {
  const test::scratch folder;
  auto log = manifest::open(folder.path("log")).value();
  for (const char* each : {"b/c/3", "b/x", "z", "b c/2", "b/b"})
    ASSERT_TRUE(log.append(made(each)));
  EXPECT_EQ(sources(log), (std::vector<std::string>{"z", "b c/2", "b/b", "b/x", "b/c/3"}));
}

TEST(Manifest, LeavesWhatIsNoManifestAsItIs) {
  const test::scratch folder;
  for (const std::string& other : {std::string{"dear diary\n"}, std::string{"{\"a\":1}\n"},
                                   std::string{"\xff\xd8\xff"}, std::string(20 << 20, 'x')}) {
    folder.write("other", other);
    EXPECT_FALSE(manifest::open(folder.path("other")));
    EXPECT_EQ(folder.read("other"), other);
  }
  EXPECT_FALSE(manifest::open("/dev/null"));
  EXPECT_FALSE(manifest::open(folder.root()));
  // But a run that was killed may have come no further than to half a line.
  folder.write("half", R"({"source":"a)");
  EXPECT_TRUE(manifest::open(folder.path("half")));
}

TEST(Manifest, ALinkStaysOne) {
  const test::scratch folder;
  folder.write("log", "");
  std::filesystem::create_symlink("log", folder.path("link"));
  auto log = manifest::open(folder.path("link")).value();
  ASSERT_TRUE(log.append(made("a")));
  ASSERT_TRUE(log.compact(true));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link")));
  EXPECT_EQ(folder.read("log"), to_line(made("a")));
}

TEST(Manifest, BelongsToOneRunAtATime) {
  const test::scratch folder;
  {
    auto log = manifest::open(folder.path("log")).value();
    ASSERT_FALSE(manifest::open(folder.path("log")));
    ASSERT_TRUE(log.append(made("a")));
    ASSERT_TRUE(log.compact(true));  // another file, under the same name
    ASSERT_FALSE(manifest::open(folder.path("log")));
  }
  EXPECT_TRUE(manifest::open(folder.path("log")));
}

TEST(Manifest, CompactingLeavesALineASourceSortedByName) {
  const test::scratch folder;
  folder.write("log", to_line(made("old")));
  auto log = manifest::open(folder.path("log")).value();
  for (const char* each : {"c", "a", "c", "b"}) ASSERT_TRUE(log.append(made(each)));
  ASSERT_TRUE(log.compact(true));
  EXPECT_EQ(sources(log), (std::vector<std::string>{"a", "b", "c", "old"}));
  ASSERT_TRUE(log.compact(false));
  EXPECT_EQ(sources(log), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(folder.read("log"), to_line(made("a")) + to_line(made("b")) + to_line(made("c")));
  ASSERT_TRUE(log.append(made("d")));
  EXPECT_EQ(log.find("d")->source, "d");
}

TEST(Manifest, HalfALineIsPassedOverAndDoesNotSwallowTheNext) {
  const test::scratch folder;
  folder.write("log", to_line(made("a")) + "not ours\n" + R"({"source":"b","sta)");
  {
    auto log = manifest::open(folder.path("log")).value();
    EXPECT_EQ(log.strange_lines(), 2U);
    ASSERT_TRUE(log.append(made("c")));
  }
  const auto reopened = manifest::open(folder.path("log")).value();
  EXPECT_EQ(sources(reopened), (std::vector<std::string>{"a", "c"}));
}

TEST(Manifest, ReadsMoreThanAChunk) {
  const test::scratch folder;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += to_line(made("source " + std::to_string(i)));
  folder.write("log", text);
  const auto log = manifest::open(folder.path("log")).value();
  EXPECT_EQ(log.strange_lines(), 0U);
  for (int i = 0; i < 2000; i += 37) {
    const std::string source = "source " + std::to_string(i);
    ASSERT_TRUE(log.find(source)) << source;
    EXPECT_EQ(log.find(source)->source, source);
  }
}

TEST(Manifest, AFileThatCannotBeOpenedIsNamed) {
  const auto opened = manifest::open("/no/such/folder/log");
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("/no/such/folder/log"), std::string::npos);
}

}  // namespace
}  // namespace millpool::thumbs
