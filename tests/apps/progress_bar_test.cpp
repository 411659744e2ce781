#include "apps/support/progress_bar.hpp"

#include "apps/support/unique_fd.hpp"
#include "millpool/base/manual_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace millpool::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class ProgressBar : public ::testing::Test {
 protected:
  manual_clock time_;
  unique_fd nowhere_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  progress_bar bar_{"test", nowhere_.get(), time_};
};

TEST_F(ProgressBar, ShowsShareRateAndTimeLeft) {
  time_.advance(10s);
  const std::string line = bar_.render({.done = 250, .failed = 3, .skipped = 0, .total = 1000}, 80);
  EXPECT_THAT(line, HasSubstr(" 25% [#########"));
  EXPECT_THAT(line, HasSubstr("250/1000  3 failed  25/s  ETA 30s"));
  EXPECT_LT(line.size(), 80u);
}

TEST_F(ProgressBar, CountsWhatAnEarlierRunDidButNotInTheRate) {
  time_.advance(10s);
  const std::string line = bar_.render({.done = 50, .failed = 0, .skipped = 50, .total = 200}, 80);
  EXPECT_THAT(line, HasSubstr("100/200  5.0/s  ETA 20s"));
}

TEST_F(ProgressBar, PromisesNothingWhereTheTotalIsUnknown) {
  time_.advance(1s);
  const std::string line = bar_.render({.done = 5, .failed = 0, .skipped = 0, .total = {}}, 80);
  EXPECT_THAT(line, Not(HasSubstr("ETA")));
  EXPECT_THAT(line, Not(HasSubstr("%")));
}

TEST_F(ProgressBar, FitsANarrowTerminal) {
  time_.advance(1s);
  for (unsigned columns = 1; columns < 100; ++columns) {
    EXPECT_LT(
        bar_.render({.done = 123456, .failed = 1, .skipped = 0, .total = 9999999}, columns).size(),
        columns);
  }
}

}  // namespace
}  // namespace millpool::app
