#include "apps/millpool/run/job_source.hpp"

#include "tests/apps/scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace millpool::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using args = std::vector<std::string>;

input_spec words(args list) { return {input_spec::kind::words, {}, std::move(list)}; }
input_spec file(std::string path) { return {input_spec::kind::file, std::move(path), {}}; }

// All jobs of a source, or the message that ended it.
std::expected<std::vector<args>, std::string> jobs_of(job_source& source) {
  std::vector<args> out;
  for (job_input job;;) {
    const auto got = source.next(job);
    if (!got) return std::unexpected(got.error());
    if (*got == job_source::state::end) return out;
    if (*got == job_source::state::need_input) {
      if (auto read = source.fill(); !read) return std::unexpected(read.error());
      continue;
    }
    out.push_back(job.args);
    EXPECT_EQ(job.seq, out.size());
  }
}

std::vector<args> jobs(input_options options) {
  auto source = job_source::open(std::move(options));
  return jobs_of(source.value()).value();
}

TEST(JobSource, MakesAJobOfEachLine) {
  const test::scratch folder;
  input_options options;
  options.sources = {file(folder.write("in", "a\nb c\n\nlast"))};
  EXPECT_THAT(jobs(options), ElementsAre(args{"a"}, args{"b c"}, args{""}, args{"last"}));
}

TEST(JobSource, SkipsBlankLinesOnRequest) {
  const test::scratch folder;
  input_options options;
  options.sources = {file(folder.write("in", "a\n \t\n\nb\n"))};
  options.skip_blank = true;
  EXPECT_THAT(jobs(options), ElementsAre(args{"a"}, args{"b"}));
}

TEST(JobSource, GathersSeveralArgumentsForAJob) {
  input_options options;
  options.sources = {words({"1", "2", "3", "4", "5"})};
  options.args_per_job = 2;
  EXPECT_THAT(jobs(options), ElementsAre(args{"1", "2"}, args{"3", "4"}, args{"5"}));
}

TEST(JobSource, CombinesSourcesWithTheLastOneFastest) {
  input_options options;
  options.sources = {words({"a", "b"}), words({"1", "2"}), words({"x"})};
  EXPECT_THAT(jobs(options), ElementsAre(args{"a", "1", "x"}, args{"a", "2", "x"},
                                         args{"b", "1", "x"}, args{"b", "2", "x"}));
}

TEST(JobSource, MakesNoJobWhereOneSourceIsEmpty) {
  input_options options;
  options.sources = {words({"a"}), words({})};
  EXPECT_TRUE(jobs(options).empty());
}

TEST(JobSource, CutsLinesIntoColumns) {
  input_options options;
  options.sources = {words({"a::b::", "c"})};
  options.colsep = "::";
  EXPECT_THAT(jobs(options), ElementsAre(args{"a", "b", ""}, args{"c"}));
}

TEST(JobSource, NamesTheRecordThatHasANulByte) {
  const test::scratch folder;
  input_options options;
  options.sources = {file(folder.write("in", std::string("good\nb\0d\n", 9)))};
  auto source = job_source::open(options).value();
  const auto outcome = jobs_of(source);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error(), HasSubstr("in: record 2 has a NUL byte"));
}

TEST(JobSource, RefusesAFileThatCannotBeReadBeforeAnyJob) {
  const test::scratch folder;
  input_options options;
  options.sources = {words({"a"}), file(folder.path("absent"))};
  EXPECT_THAT(job_source::open(options).error(), HasSubstr("absent: No such file"));
  options.sources = {file(folder.root())};
  EXPECT_THAT(job_source::open(options).error(), HasSubstr("it is a directory"));
}

TEST(JobSource, CountsJobsAheadWhereItCan) {
  const test::scratch folder;
  input_options options;
  options.sources = {file(folder.write("in", "a\nb\nc"))};
  EXPECT_EQ(job_source::open(options)->count_jobs(), 3u);
  options.args_per_job = 2;
  EXPECT_EQ(job_source::open(options)->count_jobs(), 2u);
  options.args_per_job = 1;
  options.sources.push_back(words({"x", "y"}));
  EXPECT_EQ(job_source::open(options)->count_jobs(), 6u);
}

// Puts `fd` in the place of standard input for a while.
class standard_input {
 public:
  explicit standard_input(int fd) : before_(::dup(STDIN_FILENO)) { ::dup2(fd, STDIN_FILENO); }
  standard_input(const standard_input&) = delete;
  standard_input& operator=(const standard_input&) = delete;
  ~standard_input() { ::dup2(before_.get(), STDIN_FILENO); }

 private:
  app::unique_fd before_;
};

TEST(JobSource, CountsWhatIsLeftOfAFileOnStandardInputAndConsumesNothing) {
  const test::scratch folder;
  const app::unique_fd in{
      ::open(folder.write("in", "gone\na\nb\nc").c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::lseek(in.get(), 5, SEEK_SET), 5);  // somebody read the first line
  const standard_input redirected{in.get()};
  input_options options;
  options.sources = {file("-")};
  auto source = job_source::open(options).value();
  EXPECT_EQ(source.count_jobs(), 3u);
  EXPECT_THAT(jobs_of(source).value(), ElementsAre(args{"a"}, args{"b"}, args{"c"}));
}

TEST(JobSource, CountsNothingAheadInAPipeWhateverItsNameIs) {
  const test::scratch folder;
  // A file of that name must not be taken for the pipe.
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(folder.root());
  folder.write("standard input", "a\nb\n");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const app::unique_fd out{ends[0]};
  const app::unique_fd in{ends[1]};
  const standard_input redirected{out.get()};
  input_options options;
  options.sources = {file("-")};
  EXPECT_EQ(job_source::open(options)->count_jobs(), std::nullopt);
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace millpool::run
