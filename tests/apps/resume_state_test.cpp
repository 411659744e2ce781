#include "apps/millpool/run/resume_state.hpp"

#include "apps/millpool/run/joblog_format.hpp"
#include "apps/support/unique_fd.hpp"
#include "tests/apps/scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>

namespace millpool::run {
namespace {

using ::testing::HasSubstr;
using answer = resume_state::answer;
using skip = resume_state::skip;

std::expected<resume_state, std::string> load(const std::string& path, skip which) {
  const app::unique_fd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  return resume_state::load(fd.get(), path, which);
}

const std::string header{joblog_header};
const std::string good_job = "1\t:\t1.0\t     0.001\t0\t0\t0\t0\techo a\n";
const std::string bad_job = "2\t:\t1.0\t     0.001\t0\t0\t1\t0\techo b\n";

TEST(ResumeState, SkipsWhateverRan) {
  const test::scratch folder;
  const auto state = load(folder.write("log", header + good_job + bad_job), skip::all_run);
  ASSERT_TRUE(state) << state.error();
  EXPECT_EQ(state->ask(1, "echo a"), answer::skip);
  EXPECT_EQ(state->ask(2, "echo b"), answer::skip);
  EXPECT_EQ(state->ask(3, "echo c"), answer::run);
  EXPECT_EQ(state->skipped_jobs(), 2u);
}

TEST(ResumeState, RunsFailedJobsAgainOnRequest) {
  const test::scratch folder;
  const auto state = load(folder.write("log", header + good_job + bad_job), skip::succeeded);
  EXPECT_EQ(state->ask(1, "echo a"), answer::skip);
  EXPECT_EQ(state->ask(2, "echo b"), answer::run_again);
}

TEST(ResumeState, NoticesALogOfAnotherRun) {
  resume_state state;
  ASSERT_TRUE(state.add_line(good_job.substr(0, good_job.size() - 1), skip::all_run));
  EXPECT_EQ(state.ask(1, "echo b"), answer::other_command);
  EXPECT_EQ(state.ask(1, std::nullopt), answer::skip);
}

TEST(ResumeState, TakesTwoWaysOfQuotingForTheSameCommand) {
  resume_state state;
  ASSERT_TRUE(state.add_line("1\t:\t1.0\t0.0\t0\t0\t0\t0\techo pre'x y'post", skip::all_run));
  EXPECT_EQ(state.ask(1, "echo 'prex ypost'"), answer::skip);
}

TEST(ResumeState, TakesALogWithoutJobsForOneOfARunThatDidNothing) {
  const test::scratch folder;
  EXPECT_TRUE(load(folder.write("log", header), skip::all_run)->is_empty());
  EXPECT_FALSE(load(folder.write("log", header + bad_job), skip::succeeded)->is_empty());
}

TEST(ResumeState, SaysFileAndLineOfWhatIsBroken) {
  const test::scratch folder;
  const auto path = folder.write("log", header + good_job + "rubbish\n" + bad_job);
  EXPECT_THAT(load(path, skip::all_run).error(), HasSubstr("log:3: this joblog is broken"));
  const auto other = folder.write("other", "hello\n");
  EXPECT_THAT(load(other, skip::all_run).error(), HasSubstr("other:1: this is no joblog"));
}

TEST(ResumeState, RemovesALineThatACrashCutOff) {
  const test::scratch folder;
  const auto path = folder.write("log", header + good_job + bad_job.substr(0, bad_job.size() - 3));
  const auto state = load(path, skip::all_run);
  ASSERT_TRUE(state) << state.error();
  EXPECT_THAT(state->repaired().value(), HasSubstr("log:3: the last line was cut short"));
  EXPECT_EQ(state->ask(2, "echo b"), answer::run);
  EXPECT_EQ(folder.read("log"), header + good_job);
}

TEST(ResumeState, StaysSmallForAGiantJobNumber) {
  resume_state state;
  ASSERT_TRUE(state.add_line("18446744073709551615\t:\t1.0\t0.0\t0\t0\t0\t0\tx", skip::all_run));
  EXPECT_EQ(state.ask(18446744073709551615u, "x"), answer::skip);
}

}  // namespace
}  // namespace millpool::run
