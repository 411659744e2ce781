#include "millpool/telemetry/counter.hpp"

#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace millpool {
namespace {

static_assert(sizeof(counter) == 8, "eight of them fit in a cache line");
static_assert(alignof(lone_counter) == cache_line_size);
static_assert(sizeof(lone_counter) == cache_line_size);

TEST(Counter, StartsAtZeroAndAddsUp) {
  counter count;
  EXPECT_EQ(count.load(), 0U);
  count.add();
  count.add(41);
  EXPECT_EQ(count.load(), 42U);
}

TEST(Counter, IsSeenByAnotherThreadAndNeverGoesBack) {
  lone_counter count;
  const auto last = static_cast<std::uint64_t>(test::scaled(200'000));
  test::run_together(2, [&](int thread) {
    if (thread == 0) {
      for (std::uint64_t i = 0; i < last; ++i) count.add();
      return;
    }
    for (std::uint64_t before = 0; before < last;) {  // ends, so what is added does arrive
      const std::uint64_t now = count.load();
      ASSERT_GE(now, before);
      before = now;
    }
  });
  EXPECT_EQ(count.load(), last);
}

TEST(Counter, WhoSeesACountSeesWhatTheOwnerCountedBefore) {
  counter begun;
  counter ended;
  const auto last = static_cast<std::uint64_t>(test::scaled(200'000));
  test::run_together(2, [&](int thread) {
    if (thread == 0) {
      for (std::uint64_t i = 0; i < last; ++i) {
        begun.add();
        ended.add();
      }
      return;
    }
    for (std::uint64_t of_ended = 0; of_ended < last;) {
      of_ended = ended.load();
      ASSERT_GE(begun.load(), of_ended);
    }
  });
}

}  // namespace
}  // namespace millpool
