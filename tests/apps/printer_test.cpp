#include "apps/millpool/run/printer.hpp"

#include "apps/millpool/run/joblog_format.hpp"
#include "apps/support/io.hpp"
#include "tests/apps/scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millpool::run {
namespace {

using ::testing::HasSubstr;

// Keeps what it is given.
class kept_streams final : public output_target {
 public:
  [[nodiscard]] std::error_code write(stream to, std::string_view bytes) override {
    (to == stream::output ? output : error) += bytes;
    return {};
  }
  std::string output;
  std::string error;
};

// A job's files, with this in them.
void fill(job_files& files, const test::scratch& folder, std::string_view output,
          std::string_view error) {
  ASSERT_FALSE(files.prepare(folder.root(), false));
  ASSERT_FALSE(app::write_all(files.output(), output));
  ASSERT_FALSE(app::write_all(files.error(), error));
  files.measure();
}

TEST(JobFiles, AreEmptyAgainForTheNextJob) {
  const test::scratch folder;
  job_files files;
  fill(files, folder, "first", "e");
  EXPECT_EQ(files.output_size(), 5u);
  EXPECT_EQ(files.error_size(), 1u);
  fill(files, folder, "2nd", "");
  EXPECT_EQ(files.output_size(), 3u);
  EXPECT_EQ(files.error_size(), 0u);
}

TEST(JobFiles, HoldNothingThatWasWrittenAfterTheJobWasMeasured) {
  const test::scratch folder;
  job_files files;
  fill(files, folder, "", "");
  ASSERT_FALSE(app::write_all(files.output(), "late"));
  ASSERT_FALSE(app::write_all(files.error(), "late"));
  fill(files, folder, "2nd", "");
  EXPECT_EQ(files.output_size(), 3u);
  EXPECT_EQ(files.error_size(), 0u);
}

TEST(OutputFormat, TagsEveryLineAndAddsNoNewline) {
  const test::scratch folder;
  job_files files;
  fill(files, folder, "one\n\nlast", "problem\n");
  job_report report;
  report.tag = "T\t";
  kept_streams target;
  ASSERT_FALSE(output_format{output_format::style::plain}.write(report, files, target));
  EXPECT_EQ(target.output, "T\tone\nT\t\nT\tlast");
  EXPECT_EQ(target.error, "T\tproblem\n");
}

TEST(OutputFormat, TagsALineOnceThoughItIsLongerThanOneRead) {
  const test::scratch folder;
  job_files files;
  const std::string line(300'000, 'x');
  fill(files, folder, line + "\n", "");
  job_report report;
  report.tag = "T:";
  kept_streams target;
  ASSERT_FALSE(output_format{output_format::style::plain}.write(report, files, target));
  EXPECT_EQ(target.output, "T:" + line + "\n");
}

TEST(OutputFormat, WritesOneJsonLineAndReplacesWhatIsNoUtf8) {
  const test::scratch folder;
  job_files files;
  fill(files, folder, "a\xff\n\"", "e");
  const std::vector<std::string> args{"x"};
  job_report report;
  report.seq = 7;
  report.args = &args;
  report.command = "cmd x";
  report.exit_value = 3;
  kept_streams target;
  ASSERT_FALSE(output_format{output_format::style::json}.write(report, files, target));
  EXPECT_EQ(
      target.output,
      "{\"seq\":7,\"args\":[\"x\"],\"command\":\"cmd x\",\"start\":0.0,\"runtime\":0.0,\"exit\":3,"
      "\"signal\":0,\"attempt\":1,\"stdout\":\"a\xef\xbf\xbd\\n\\\"\",\"stderr\":\"e\"}\n");
}

TEST(OutputSpool, GivesBackWhatItHeldAndThenIsEmpty) {
  const test::scratch folder;
  output_spool spool{folder.root()};
  std::vector<output_spool::entry> held;
  for (const char* text : {"one", "two"}) {
    ASSERT_FALSE(spool.begin());
    ASSERT_FALSE(spool.write(output_target::stream::output, text));
    ASSERT_FALSE(spool.write(output_target::stream::error, "err"));
    ASSERT_FALSE(spool.put_log(std::string(text) + " logged"));
    held.push_back(spool.take());
  }
  for (const std::size_t i : {std::size_t{1}, std::size_t{0}}) {  // in any order
    kept_streams target;
    std::string log;
    ASSERT_FALSE(spool.replay(held[i], target, log));
    EXPECT_EQ(target.output, i == 0 ? "one" : "two");
    EXPECT_EQ(target.error, "err");
    EXPECT_EQ(log, target.output + " logged");
  }
  ASSERT_FALSE(spool.begin());
  EXPECT_EQ(spool.take().offset, 0u);
}

// The joblog shows the order in which jobs were printed.
std::string order_of(const std::string& log) {
  std::string order;
  for (std::size_t at = log.find('\n'); at + 1 < log.size(); at = log.find('\n', at + 1))
    order += log[at + 1];
  return order;
}

TEST(Printer, PrintsInTheOrderOfTheInput) {
  const test::scratch folder;
  auto log = joblog::open(folder.path("log"), joblog::start::overwrite).value();
  printer out{{.keep_order = true, .directory = folder.root(), .files_at = folder.root()},
              &log,
              halt_monitor{{}},
              nullptr};
  job_files files;
  fill(files, folder, "", "");
  for (const std::uint64_t seq : {2u, 5u, 6u, 9u}) out.expect(seq);
  for (const std::uint64_t seq : {6u, 2u, 9u}) {
    job_report report;
    report.seq = seq;
    EXPECT_FALSE(out.finish(report, files, {}).failed);
  }
  EXPECT_EQ(order_of(folder.read("log")), "2") << "5 has not ended";
  EXPECT_EQ(out.backlog(), 3u);
  EXPECT_GT(out.held_bytes(), 0u);
  EXPECT_FALSE(out.flush()) << "5 never ends: what came after it is not lost";
  EXPECT_EQ(out.held_bytes(), 0u);
  EXPECT_EQ(order_of(folder.read("log")), "269");
}

TEST(Printer, LogsNoJobWhoseLineDoesNotFit) {
  const test::scratch folder;
  auto log = joblog::open("/dev/full", joblog::start::append);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error(), HasSubstr("No space left on device"));
}

TEST(Joblog, IsNotSharedByTwoRuns) {
  const test::scratch folder;
  const auto first = joblog::open(folder.path("log"), joblog::start::overwrite);
  ASSERT_TRUE(first);
  EXPECT_THAT(joblog::open(folder.path("log"), joblog::start::overwrite).error(),
              HasSubstr("in use"));
}

TEST(Joblog, IsSharedWhereItIsNoFile) {
  const auto first = joblog::open("/dev/null", joblog::start::overwrite);
  EXPECT_TRUE(joblog::open("/dev/null", joblog::start::append));
}

TEST(Joblog, GetsItsHeaderOnce) {
  const test::scratch folder;
  for (int i = 0; i < 2; ++i) {
    ASSERT_FALSE(joblog::open(folder.path("log"), joblog::start::append)->write("line\n"));
  }
  EXPECT_EQ(folder.read("log"), std::string(joblog_header) + "line\nline\n");
}

}  // namespace
}  // namespace millpool::run
