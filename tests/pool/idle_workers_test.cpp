// Promise P6: which worker is woken, and who searches meanwhile.
#include "millpool/base/cpu.hpp"
#include "src/pool/idle.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/worker.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace millpool {
namespace {

/// Three workers without threads.
struct P6_IdleWorkers : testing::Test {
  std::shared_ptr<pool_core> core = std::make_shared<pool_core>(pool_options{});
  worker first{*core, 0};
  worker second{*core, 1};
  worker third{*core, 2};
  idle_workers idle;

  void sleep(worker& each, int cpu) {
    (void)idle.enter(each, false, false);
    each.cpu = cpu;
  }
  // Whether it was woken; it has its token then.
  static bool was_woken(worker& each) {
    return each.bed.park_until(steady(), deadline_after(steady().now(), duration::zero()));
  }
};

TEST_F(P6_IdleWorkers, TheLastToSleepIsWoken) {
  sleep(first, -1);
  sleep(second, -1);
  EXPECT_TRUE(idle.wake_one());
  EXPECT_TRUE(was_woken(second));
  EXPECT_FALSE(was_woken(first));
}

// Where the waker runs, a woken worker would have to wait for it, or to interrupt it.
TEST_F(P6_IdleWorkers, RatherOneIsWokenThatDidNotRunOnTheWakersProcessor) {
  const int here = current_cpu();
  const int elsewhere = here + 1;
  sleep(first, elsewhere);
  sleep(second, elsewhere);
  sleep(third, here);
  (void)idle.wake_one();
  EXPECT_TRUE(was_woken(second) || current_cpu() != here) << "this test was moved meanwhile";
}

TEST_F(P6_IdleWorkers, ThatAllRanOnTheWakersProcessorHindersNoWake) {
  const int here = current_cpu();
  sleep(first, here);
  sleep(second, here);
  (void)idle.wake_one();
  EXPECT_TRUE(was_woken(second) || current_cpu() != here) << "this test was moved meanwhile";
}

// One that was woken may wait for a processor for milliseconds. As long as it is counted as
// searching, submitters leave their tasks to it.
TEST_F(P6_IdleWorkers, WhoRunsOutOfWorkTakesOverTheSearchOfOneThatHasNotComeYet) {
  sleep(first, -1);
  (void)idle.wake_one();
  EXPECT_TRUE(idle.start_search()) << "the first has not come";
  EXPECT_FALSE(idle.start_search()) << "one searches, and is at it";

  sleep(third, -1);
  EXPECT_TRUE(idle.wake_one());
  EXPECT_FALSE(was_woken(third)) << "while one searches, nobody is woken";
  idle.stop_search();
  EXPECT_TRUE(idle.wake_one());
  EXPECT_TRUE(was_woken(third)) << "when none does any more, the next is, though the first comes";

  EXPECT_FALSE(idle.has_come(first)) << "it is not counted any more";
  EXPECT_TRUE(idle.has_come(third)) << "it is";
  EXPECT_FALSE(idle.start_search()) << "it has come: its search is its own";
  idle.stop_search();
  EXPECT_FALSE(idle.wake_one()) << "none sleeps, and none searches";
}

}  // namespace
}  // namespace millpool
