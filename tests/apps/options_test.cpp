#include "apps/millpool/run/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millpool::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

parsed_options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "run");
  return parse_options(static_cast<int>(words.size()), words.data(), 4);
}

TEST(Options, EndAtTheFirstWordThatIsNoFlag) {
  const auto parsed = parse({"-j2", "-k", "gzip", "-t", "-k", "{}"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_THAT(parsed.options.command, ElementsAre("gzip", "-t", "-k", "{}"));
  EXPECT_EQ(parsed.options.jobs, 2u);
  EXPECT_TRUE(parsed.options.keep_order);
}

TEST(Options, TakeOneValueAFlag) {
  const auto parsed = parse({"-a", "f", "-a", "g", "--tagstring", "-x", "cat", "h"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_EQ(parsed.options.input.sources.size(), 2u);
  EXPECT_EQ(parsed.options.tag, "-x");
  EXPECT_THAT(parsed.options.command, ElementsAre("cat", "h"));
}

TEST(Options, ReadSourcesAfterTheCommand) {
  const auto parsed = parse({"echo", ":::", "a", "b", "::::", "f", "g", ":::"});
  const auto& sources = parsed.options.input.sources;
  ASSERT_EQ(sources.size(), 4u);
  EXPECT_THAT(sources[0].words, ElementsAre("a", "b"));
  EXPECT_EQ(sources[1].path, "f");
  EXPECT_EQ(sources[2].path, "g");
  EXPECT_TRUE(sources[3].words.empty());
}

TEST(Options, ReadStandardInputByDefault) {
  EXPECT_EQ(parse({"echo"}).options.input.sources.at(0).path, "-");
}

TEST(Options, CountJobsInEveryForm) {
  EXPECT_EQ(parse_jobs("3", 4), 3u);
  EXPECT_EQ(parse_jobs("50%", 4), 2u);
  EXPECT_EQ(parse_jobs("1%", 4), 1u);
  EXPECT_EQ(parse_jobs("+2", 4), 6u);
  EXPECT_EQ(parse_jobs("auto", 4), 4u);
  EXPECT_GT(parse_jobs("0", 4).value(), 100u);
  for (const char* text : {"", "-1", "x", "%", "+", "1.5", "99999999", "999999999999999999999"}) {
    EXPECT_FALSE(parse_jobs(text, 4)) << text;
  }
}

TEST(Options, RefuseBadInputWithOneLineAndExit2) {
  const struct {
    std::vector<const char*> words;
    const char* says;
  } rows[] = {
      {{"--frobnicate", "echo"}, "unknown flag --frobnicate"},
      {{}, "no command given"},
      {{":::", "a"}, "no command given"},
      {{"", ":::", "a"}, "the command is empty"},
      {{"-j", "x", "echo"}, "'x' is no number of jobs"},
      {{"-j"}, "needs a value"},
      {{"--resume", "echo"}, "need --joblog"},
      {{"-u", "-k", "echo"}, "cannot be combined"},
      {{"echo", "::::"}, "no file after"},
      {{"-n0", "echo"}, "is not between 1 and"},
      {{"--halt", "x", "echo"}, "'x' is no halt"},
      {{"-a", "-", "echo", "::::", "-"}, "only once"},
  };
  for (const auto& row : rows) {
    const auto parsed = parse(row.words);
    EXPECT_EQ(parsed.exit, 2) << row.says;
    EXPECT_THAT(parsed.text, HasSubstr(row.says));
    EXPECT_EQ(parsed.text.find('\n'), std::string::npos) << parsed.text;
  }
}

TEST(Options, ExplainThemselvesWithThreeExamples) {
  const auto parsed = parse({"--help"});
  EXPECT_EQ(parsed.exit, 0);
  EXPECT_THAT(parsed.text, HasSubstr("Examples:"));
  EXPECT_THAT(parsed.text, HasSubstr("--joblog FILE"));
  EXPECT_THAT(parsed.text, HasSubstr("Exit status:"));
}

TEST(Options, NeedNoCommandWithAShell) {
  EXPECT_THAT(parse({"--shell"}).options.command, ElementsAre("{}"));
}

}  // namespace
}  // namespace millpool::run
