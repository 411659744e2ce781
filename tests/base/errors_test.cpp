// Errors: each has a name of its own, and says it when it is thrown.
#include "millpool/base/errors.hpp"

#include <gtest/gtest.h>

#include <set>

namespace millpool {
namespace {

TEST(SubmitErrc, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < submit_errc_count; ++i) {
    names.insert(to_string(static_cast<submit_errc>(i)));
  }
  EXPECT_EQ(names.size(), submit_errc_count);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(static_cast<submit_errc>(submit_errc_count)), "unknown");
}

TEST(TaskState, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < task_state_count; ++i) {
    names.insert(to_string(static_cast<task_state>(i)));
  }
  EXPECT_EQ(names.size(), task_state_count);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(static_cast<task_state>(task_state_count)), "unknown");
}

TEST(SubmitError, SaysWhy) {
  const submit_error refused{submit_errc::closed};
  EXPECT_EQ(refused.code(), submit_errc::closed);
  EXPECT_STREQ(refused.what(), "millpool: the submission was refused: closed");
  const submit_error endless{submit_errc::would_deadlock};
  EXPECT_STREQ(endless.what(), "millpool: the wait could never end: would_deadlock");
}

TEST(TaskStopped, SaysHowTheTaskEnded) {
  EXPECT_EQ(task_stopped{}.state(), task_state::cancelled);
  const task_stopped expired{task_state::expired};
  EXPECT_EQ(expired.state(), task_state::expired);
  EXPECT_STREQ(expired.what(), "millpool: the task ended as expired");
}

}  // namespace
}  // namespace millpool
