#include "apps/millpool/run/command_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millpool::run {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> filled(const command_template& command, const job_input& job,
                                unsigned slot = 1) {
  argv_buffer words;
  command.fill(words, job, slot);
  std::vector<std::string> out;
  out.reserve(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) out.emplace_back(words[i]);
  return out;
}

std::string described(const command_template& command, const job_input& job) {
  argv_buffer words;
  command.fill(words, job, 1);
  std::string out;
  command.describe(out, words);
  return out;
}

command_template plain(const std::vector<std::string>& words) { return {words, "{}", ""}; }

TEST(CommandTemplate, FillsThePlaceholderInsideAWord) {
  EXPECT_THAT(filled(plain({"cp", "{}", "old/{}.bak"}), {1, {"a b"}}),
              ElementsAre("cp", "a b", "old/a b.bak"));
}

TEST(CommandTemplate, AppendsTheArgumentWhereThereIsNoPlaceholder) {
  EXPECT_THAT(filled(plain({"gzip", "-t"}), {1, {"x"}}), ElementsAre("gzip", "-t", "x"));
  EXPECT_THAT(filled(plain({"echo", "{#}"}), {7, {"x"}}), ElementsAre("echo", "7"));
}

// Each row is what GNU parallel 20221122 makes of the argument.
TEST(CommandTemplate, CutsPathsAsGnuParallelDoes) {
  const struct {
    const char *arg, *no_extension, *base, *directory, *bare;
  } rows[] = {
      {"/a/b.c/d.e.f", "/a/b.c/d.e", "d.e.f", "/a/b.c", "d.e"},
      {"x", "x", "x", ".", "x"},
      {"a.b/c", "a.b/c", "c", "a.b", "c"},
      {".hid", "", ".hid", ".", ""},
      {"/x", "/x", "x", "/", "x"},
      {"a/", "a/", "", ".", ""},
      {"a/.b", "a/", ".b", "a", ""},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(filled(plain({"{.}", "{/}", "{//}", "{/.}"}), {1, {row.arg}}),
                ElementsAre(row.no_extension, row.base, row.directory, row.bare))
        << row.arg;
  }
}

TEST(CommandTemplate, KnowsJobNumberAndSlot) {
  EXPECT_THAT(filled(plain({"{#}-{%}"}), {12, {"x"}}, 3), ElementsAre("12-3"));
  EXPECT_TRUE(plain({"a", "{%}"}).depends_on_slot());
  EXPECT_FALSE(plain({"a", "{#}"}).depends_on_slot());
}

TEST(CommandTemplate, PicksArgumentsByNumberFromEitherEnd) {
  EXPECT_THAT(filled(plain({"{2}", "{1.}", "{-1/}"}), {1, {"a.x", "b", "c/d"}}),
              ElementsAre("b", "a", "d"));
  EXPECT_THAT(filled(plain({"x", "{3}"}), {1, {"a"}}), ElementsAre("x", ""));
}

TEST(CommandTemplate, SpreadsSeveralArgumentsOverWords) {
  EXPECT_THAT(filled(plain({"rm", "{}", "-{}"}), {1, {"a b", "c"}}),
              ElementsAre("rm", "a b", "c", "-a b c"));
}

TEST(CommandTemplate, LeavesBracesAloneThatMeanNothing) {
  EXPECT_THAT(filled(plain({"{", "{x}", "{0}", "{1", "${}"}), {1, {"v"}}),
              ElementsAre("{", "{x}", "{0}", "{1", "$v"));
}

TEST(CommandTemplate, UsesAnotherReplacementString) {
  EXPECT_THAT(filled({{"mv", "@", "@.{.}", "{}"}, "@", ""}, {1, {"f.c"}}),
              ElementsAre("mv", "f.c", "f.c.f", "{}"));
}

TEST(CommandTemplate, QuotesArgumentsForAShellAndNothingElse) {
  const command_template command{{"cat", "{}", "|", "wc -l"}, "{}", "/bin/sh"};
  EXPECT_THAT(filled(command, {1, {"a;b"}}), ElementsAre("/bin/sh", "-c", "cat 'a;b' | wc -l"));
  EXPECT_EQ(described(command, {1, {"a;b"}}), "cat 'a;b' | wc -l");
}

TEST(CommandTemplate, RunsTheInputItselfWhereTheScriptIsThePlaceholder) {
  EXPECT_THAT(filled({{"{}"}, "{}", "/bin/sh"}, {1, {"echo a; echo b"}}),
              ElementsAre("/bin/sh", "-c", "echo a; echo b"));
}

TEST(CommandTemplate, DescribesACommandAsAShellWouldReadIt) {
  EXPECT_EQ(described(plain({"echo", "a  b", "{}"}), {1, {"c d"}}), "echo 'a  b' 'c d'");
}

TEST(CommandTemplate, KnowsTheProgramUnlessItDependsOnTheInput) {
  EXPECT_EQ(plain({"gzip", "{}"}).fixed_program(), "gzip");
  EXPECT_EQ(plain({"{}", "-v"}).fixed_program(), "");
  EXPECT_EQ(command_template({"{}"}, "{}", "/bin/sh").fixed_program(), "/bin/sh");
}

TEST(ArgvBuffer, LeavesASlotInFrontForAShell) {
  argv_buffer words;
  words.push_back("a");
  words.push_back("");
  char** const argv = words.argv();
  EXPECT_EQ(argv[-1], nullptr);
  EXPECT_STREQ(argv[0], "a");
  EXPECT_STREQ(argv[1], "");
  EXPECT_EQ(argv[2], nullptr);
}

}  // namespace
}  // namespace millpool::run
