#include "apps/millpool/run/joblog_format.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millpool::run {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// Lines of GNU parallel 20221122.
constexpr std::string_view ordinary = "3\t:\t1795481893.979\t     0.003\t0\t4\t0\t0\techo 'b c'";
constexpr std::string_view timed_out = "1\t:\t1795481894.335\t     1.751\t0\t0\t-1\t15\tsleep 3";

TEST(JoblogFormat, WritesTheBytesThatGnuParallelWrites) {
  std::string out;
  append_joblog_line(out, {.seq = 3,
                           .start = milliseconds{1795481893979},
                           .runtime = milliseconds{3},
                           .receive = 4,
                           .command = "echo 'b c'"});
  EXPECT_EQ(out, std::string(ordinary) + "\n");
  out.clear();
  append_joblog_line(out, {.seq = 1,
                           .start = milliseconds{1795481894335},
                           .runtime = milliseconds{1751},
                           .exit_value = -1,
                           .signal = 15,
                           .command = "sleep 3"});
  EXPECT_EQ(out, std::string(timed_out) + "\n");
}

TEST(JoblogFormat, ReadsWhatItWrites) {
  const auto entry = parse_joblog_line(timed_out);
  ASSERT_TRUE(entry) << entry.error();
  EXPECT_EQ(entry->seq, 1u);
  EXPECT_EQ(entry->exit_value, -1);
  EXPECT_EQ(entry->signal, 15);
  EXPECT_EQ(entry->command, "sleep 3");
  std::string again;
  append_joblog_line(again, *entry);
  EXPECT_EQ(again, std::string(timed_out) + "\n");
}

TEST(JoblogFormat, KeepsACommandWithNewlinesOnOneLine) {
  std::string out;
  append_joblog_line(out, {.seq = 1, .command = "a\nb"});
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
  EXPECT_EQ(parse_joblog_line(std::string_view(out).substr(0, out.size() - 1))->command,
            std::string_view("a\0b", 3));
}

TEST(JoblogFormat, KeepsTabsOfTheCommand) {
  EXPECT_EQ(parse_joblog_line("1\t:\t1.0\t0.1\t0\t0\t0\t0\ta\tb")->command, "a\tb");
}

TEST(JoblogFormat, NamesTheColumnThatIsWrong) {
  EXPECT_THAT(parse_joblog_line("x\t:\t1.0\t0.1\t0\t0\t0\t0\tc").error(), HasSubstr("Seq is 'x'"));
  EXPECT_THAT(parse_joblog_line("0\t:\t1.0\t0.1\t0\t0\t0\t0\tc").error(), HasSubstr("Seq is '0'"));
  EXPECT_THAT(parse_joblog_line("1\t:\t1.0\tlong\t0\t0\t0\t0\tc").error(), HasSubstr("JobRuntime"));
  EXPECT_THAT(parse_joblog_line("1\t:\t1.0\t0.1\t0\t0\t0").error(),
              HasSubstr("before the column Exitval"));
  EXPECT_THAT(parse_joblog_line("").error(), HasSubstr("before the column Seq"));
}

}  // namespace
}  // namespace millpool::run
