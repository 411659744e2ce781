#include "apps/millpool/thumbs/options.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace millpool::thumbs {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] parsed_options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "thumbs");
  return parse_options(static_cast<int>(words.size()), words.data(), 3);
}

TEST(ThumbsOptions, HaveDefaults) {
  const auto parsed = parse({"src", "dest"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  const thumbs_options& o = parsed.options;
  EXPECT_EQ(o.source, "src");
  EXPECT_EQ(o.dest, "dest");
  EXPECT_EQ(o.manifest, "dest/manifest.jsonl");
  EXPECT_EQ(to_string(o.settings), "256 contain jpeg q80 srgb");
  EXPECT_EQ(o.jobs, 3U);
  EXPECT_EQ(o.changed, change_test::always);
  EXPECT_EQ(o.memory, 256U << 20);
  EXPECT_EQ(o.max_pixels, 500'000'000U);
  EXPECT_EQ(o.timeout, 60s);
}

TEST(ThumbsOptions, FlagsMayStandAnywhere) {
  const std::vector<std::vector<const char*>> orders = {
      {"src", "dest", "--size", "9", "--gallery", "-j2"},
      {"--size", "9", "--gallery", "-j2", "src", "dest"},
      {"--gallery", "src", "--size=9", "dest", "-j", "2"},
      {"--size", "9", "--gallery", "-j2", "--", "src", "dest"}};
  for (const auto& words : orders) {
    const auto parsed = parse(words);
    ASSERT_FALSE(parsed.exit) << parsed.text;
    EXPECT_EQ(parsed.options.source, "src");
    EXPECT_EQ(parsed.options.dest, "dest");
    EXPECT_EQ(to_string(parsed.options.settings), "9 contain jpeg q80 srgb");
    EXPECT_TRUE(parsed.options.gallery);
    EXPECT_EQ(parsed.options.jobs, 2U);
  }
}

TEST(ThumbsOptions, SizesAddUpAcrossFlags) {
  const auto parsed = parse({"--size", "9,8x7", "src", "--size", "9,6", "dest"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(to_string(parsed.options.settings), "9,8x7,6 contain jpeg q80 srgb");
}

TEST(ThumbsOptions, OnlyChangedMayNameATest) {
  EXPECT_EQ(parse({"a", "b", "--only-changed"}).options.changed, change_test::mtime);
  EXPECT_EQ(parse({"--only-changed", "a", "b"}).options.changed, change_test::mtime);
  EXPECT_EQ(parse({"a", "b", "--only-changed=hash"}).options.changed, change_test::hash);
}

TEST(ThumbsOptions, AreReadAsTheyAreMeant) {
  const auto parsed =
      parse({"a", "b", "--fit", "cover", "--format", "same", "--quality", "55", "--profile", "keep",
             "--memory", "64M", "--max-pixels", "3m", "--timeout", "1m30s", "--manifest", "log"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(to_string(parsed.options.settings), "256 cover same q55 keep");
  EXPECT_EQ(parsed.options.memory, 64U << 20);
  EXPECT_EQ(parsed.options.max_pixels, 3'000'000U);
  EXPECT_EQ(parsed.options.timeout, 90s);
  EXPECT_EQ(parsed.options.manifest, "log");
}

TEST(ThumbsOptions, BehindTwoDashesNothingIsAFlag) {
  const auto parsed = parse({"-j2", "--", "-src", "--gallery"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(parsed.options.source, "-src");
  EXPECT_EQ(parsed.options.dest, "--gallery");
  EXPECT_EQ(parse({"--", "--only-changed", "dest"}).options.source, "--only-changed");
}

TEST(ThumbsOptions, HelpShowsThatTheTestMayBeLeftOut) {
  const auto parsed = parse({"--help"});
  EXPECT_NE(parsed.text.find("  --only-changed[=HOW]        Make"), std::string::npos)
      << parsed.text;
}

}  // namespace
}  // namespace millpool::thumbs
