// Does the whole pool keep its promises when every interleaving of a few tasks is tried?
#include "millpool/pool/join.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/task_group.hpp"
#include "millpool/sync/parker.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

// A schedule of a whole pool costs ten of another model's. A million, as elsewhere, where a future
// is waited for, and where tasks meet a close, a resize, a cancel step or a time limit; a hundred
// thousand where they only meet each other, and for each kind of late stores.
const explore::settings fewer{.schedules = 100'000};

constexpr std::size_t roomy = 1024;  // with so much capacity workers keep tasks

/// A pool whose workers are threads of the run.
std::unique_ptr<worker_pool> explored_pool(std::size_t workers, std::size_t capacity,
                                           const clock& time, std::size_t compensation = 1) {
  return std::make_unique<worker_pool>(
      pool_options{.min_workers = workers,
                   .max_workers = workers,
                   .queue_capacity = capacity,
                   .max_compensation = compensation,
                   .on_deadlock = [](const deadlock_info&) {},
                   .start_thread =
                       [](std::function<void()> body) {
                         explore::start(std::move(body));
                         return std::thread{};  // the explorer joins it
                       },
                   .time = &time});
}

/// What most models here have: one thread, which makes the pool, and starts what else there is.
struct with_pool {
  static constexpr unsigned threads = 1;

  /// Ends the pool. \return its account.
  ledger even_account() {
    const ledger tasks = pool->shutdown().tasks;
    check(tasks.inside() == 0, "P1: the account is even");
    return tasks;
  }

  explore::virtual_clock time;
  std::unique_ptr<worker_pool> pool;
};

// Two submitters share a pool; when all has run it is closed, and every worker ends.
template <std::size_t workers, std::size_t capacity>
struct two_submitters : with_pool {
  void thread(unsigned) {
    pool = explored_pool(workers, capacity, time);
    explore::start([this] {
      check(pool->post([this] { ran.fetch_add(1); }).has_value(), "an open pool accepts");
      other_is_done.unpark();
    });
    check(pool->post([this] { ran.fetch_add(1); }).has_value(), "an open pool accepts");
    other_is_done.park();
    pool->wait_idle();
    check(ran.load() == 2, "wait_idle() returns when every task has ended");
    pool->close();
    check(!pool->post([] {}).has_value(), "a closed pool refuses");
  }
  void end() { check(even_account().accepted == 2, "P1: what was accepted is counted, once"); }

  parker other_is_done;
  atomic<unsigned> ran{0};
};

TEST(WorkerPoolModel, P6_EveryTaskRunsWithOneWorkerAndOnePlace) {
  explore::expect_holds<two_submitters<1, 1>>(fewer);
}
TEST(WorkerPoolModel, P6_EveryTaskRunsWithTwoWorkers) {
  explore::expect_holds<two_submitters<2, 2>>(fewer);
}
TEST(WorkerPoolModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<two_submitters<1, 1>>(fault::futex_wakes_nobody);
}

// A task submits another to its own full pool of one worker, and waits for it.
struct a_task_waits_for_a_task : with_pool {
  void thread(unsigned) {
    pool = explored_pool(1, 1, time);
    auto outer = pool->submit([this] {
      auto inner = pool->submit([] { return 1; });
      return inner.get() + 1;
    });
    check(outer.get() == 2, "P5: a worker that waits for its own pool is helped");
    pool->close();
  }
  void end() { check(pool->shutdown().tasks.accepted == 2, "P1: two tasks were accepted"); }
};

TEST(WorkerPoolModel, P5_ATaskMayWaitForATaskOfItsOwnPool) {
  explore::expect_holds<a_task_waits_for_a_task>();
}

// Two tasks wait for each other, on two workers or one inside the other. Whoever comes first, one
// of the waits fails, and no more than one.
template <std::size_t workers>
struct two_tasks_wait_for_each_other : with_pool {
  void thread(unsigned) {
    pool = explored_pool(workers, 2, time);
    for (unsigned i = 0; i < 2; ++i) {
      results[i] = pool->submit([this, i] {
        handed_over[i].park();
        try {
          return results[1 - i].get();
        } catch (const submit_error& error) {
          check(error.code() == submit_errc::would_deadlock, "only for that reason");
          failed.fetch_add(1);
          return 1;
        }
      });
    }
    for (auto& each : handed_over) each.unpark();
    pool->wait_idle();
    check(failed.load() == 1, "one of the waits fails");
    for (auto& each : results) check(!each.valid() || each.get() == 1, "both tasks end");
    pool->close();
  }
  void end() {
    check(pool->stats().deadlocks == 1, "it is counted, once");
    check(even_account().succeeded == 2, "P1: what was accepted has run");
  }

  future<int> results[2];
  parker handed_over[2];
  atomic<unsigned> failed{0};
};

TEST(WorkerPoolModel, OneOfTwoWaitsForEachOtherFails) {
  explore::expect_holds<two_tasks_wait_for_each_other<2>>();
}
TEST(WorkerPoolModel, OneOfTwoWaitsForEachOtherFailsOnOneWorker) {
  explore::expect_holds<two_tasks_wait_for_each_other<1>>(fewer);
}

// A task waits for its group, of which a task waits for that one. The group's wait cannot be given
// up for good, since its destructor waits again: so the other one is, also where it is the older.
struct a_group_waits_in_a_circle : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    outer = pool->submit([this] {
      handed_over.park();
      task_group group{*pool};
      const auto accepted = group.run([this] {
        try {
          outer.wait();
        } catch (const submit_error&) {
          failed.fetch_add(1);
        }
      });
      check(accepted.has_value(), "an open pool accepts");
      group.wait();
    });
    handed_over.unpark();
    pool->wait_idle();
    check(failed.load() == 1, "the wait that has somewhere to go fails");
    check(outer.is_ready(), "both tasks end");
    pool->close();
  }
  void end() { check(even_account().succeeded == 2, "P1: what was accepted has run"); }

  future<void> outer;
  parker handed_over;
  atomic<unsigned> failed{0};
};

TEST(WorkerPoolModel, OfACircleThroughAGroupTheOtherWaitFails) {
  explore::expect_holds<a_group_waits_in_a_circle>(fewer);
}

// A pool is closed while somebody submits: what was accepted runs, what was not is refused.
struct close_while_submitting : with_pool {
  void thread(unsigned) {
    pool = explored_pool(1, 1, time);
    explore::start([this] {
      for (int i = 0; i < 2; ++i) accepted += pool->post([this] { ran.fetch_add(1); }).has_value();
    });
    pool->close();
  }
  void end() {
    const shutdown_report report = pool->shutdown();
    check(report.tasks.accepted == accepted, "P1: what was accepted is counted, once");
    check(ran.load() == accepted, "P4: what was accepted runs, what was refused does not");
  }

  std::uint64_t accepted = 0;
  atomic<std::uint64_t> ran{0};
};

TEST(WorkerPoolModel, P4_WhatWasAcceptedBeforeTheCloseRuns) {
  explore::expect_holds<close_while_submitting>();
}

// The cancel step comes at any moment: each task either has run or ends as cancelled, and none
// starts after the step has returned.
struct cancel_at_any_moment : with_pool {
  void thread(unsigned) {
    pool = explored_pool(1, 2, time);
    for (int i = 0; i < 2; ++i) {
      check(pool->post([this] {
                  check(!over, "P4: after the cancel step no task starts");
                  ran.fetch_add(1);
                })
                .has_value(),
            "an open pool accepts");
    }
    check(pool->cancel(), "without a limit, cancel() waits until nothing runs");
    over = true;
  }
  void end() {
    const ledger tasks = even_account();
    check(tasks.accepted == 2, "P1: what was accepted is counted, once");
    check(tasks.succeeded == ran.load(), "P1: what ran has succeeded");
  }

  bool over = false;
  atomic<std::uint64_t> ran{0};
};

TEST(WorkerPoolModel, P4_AfterTheCancelStepNoTaskStarts) {
  explore::expect_holds<cancel_at_any_moment>();
}

// The cancel step comes while tasks start and while it gets too late for them to.
struct cancel_against_start_against_timeout : with_pool {
  void thread(unsigned) {
    pool = explored_pool(1, 2, time);
    explore::start([this] {
      late.store(true);
      explore::advance(std::chrono::seconds{2});
    });
    for (int i = 0; i < 2; ++i) {
      const auto accepted = pool->post(task_options{.start_by = std::chrono::seconds{1}}, [this] {
        check(!over.load(), "P4: after the cancel step no task starts");
        ran.fetch_add(1);
      });
      check(accepted.has_value(), "an open pool accepts");
    }
    check(pool->cancel(), "without a limit, cancel() waits until nothing runs");
    over.store(true);
  }
  void end() {
    const ledger tasks = even_account();
    check(tasks.accepted == 2, "P1: what was accepted is counted, once");
    check(tasks.succeeded + tasks.cancelled + tasks.expired == 2,
          "each ended in one of three ways");
    check(tasks.succeeded == ran.load(), "P1: what ran has succeeded");
    check(late.load() || tasks.expired == 0, "what is not late does not expire");
  }

  atomic<bool> late{false};
  atomic<bool> over{false};
  atomic<std::uint64_t> ran{0};
};

TEST(WorkerPoolModel, P1_ATaskStartsOrIsCancelledOrIsTooLate) {
  explore::expect_holds<cancel_against_start_against_timeout>();
}

// The pool becomes smaller while somebody submits, and larger again: every task runs, and every
// worker ends.
struct resize_at_any_moment : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, 1, time);
    explore::start([this] {
      for (int i = 0; i < 2; ++i) {
        check(pool->post([this] { ran.fetch_add(1); }).has_value(), "an open pool accepts");
      }
      submitted.unpark();
    });
    pool->resize(1, 1);
    pool->resize(1, 2);
    submitted.park();
    pool->wait_idle();
    check(ran.load() == 2, "P6: whoever ends, every task runs");
    pool->close();
  }
  void end() { check(even_account().succeeded == 2, "P1: what was accepted has run"); }

  parker submitted;
  atomic<unsigned> ran{0};
};

TEST(WorkerPoolModel, P6_EveryTaskRunsWhileThePoolIsResized) {
  explore::expect_holds<resize_at_any_moment>();
}
TEST(WorkerPoolModel, CatchesAResizeInAPoolThatWakesNobody) {
  explore::expect_caught<resize_at_any_moment>(fault::futex_wakes_nobody);
}

// Two tasks of one serial key and two workers: they run one after the other, and then every worker
// ends.
struct two_tasks_of_one_key : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, 2, time);
    for (unsigned i = 0; i < 2; ++i) {
      const auto accepted = pool->post(task_options{.serial_key = 1}, [this, i] {
        check(!inside.load() && ran.load() == i, "a key's tasks run one at a time, in order");
        inside.store(true);
        ran.fetch_add(1);
        inside.store(false);
      });
      check(accepted.has_value(), "an open pool accepts");
    }
    pool->close();
  }
  void end() { check(even_account().succeeded == 2, "P1: what was accepted has run"); }

  atomic<bool> inside{false};
  atomic<unsigned> ran{0};
};

TEST(WorkerPoolModel, TasksOfOneKeyRunOneAtATimeAndTheLastWorkerEnds) {
  explore::expect_holds<two_tasks_of_one_key>(fewer);
}

// A paused pool is purged: nothing waits in it any more, also not in the hand of a worker that was
// about to run or to steal what another keeps.
struct a_purge_in_a_pause : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, 256, time);
    pool->submit([this] { check(pool->post([] {}).has_value(), "an open pool accepts"); }).get();
    pool->pause();
    const auto purged = pool->purge();
    pool->wait_idle();
    pool->resume();
    pool->close();
  }
  void end() { check(even_account().ended() == 2, "P1: each has ended"); }
};

TEST(WorkerPoolModel, APurgeInAPauseLeavesNothing) {
  explore::expect_holds<a_purge_in_a_pause>(fewer);
}

// A task pauses its pool: what it submits after that waits for the resume, whatever another worker
// was about to do.
struct a_task_pauses_its_pool : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, 1, time);
    pool->submit([this] {
          pool->pause();
          check(
              pool->try_post([this] { check(!paused, "no task starts between pause and resume"); })
                  .has_value(),
              "a paused pool accepts");
        })
        .get();
    paused = false;
    pool->resume();
    pool->wait_idle();
    pool->close();
  }
  void end() { check(even_account().succeeded == 2, "P1: what was accepted has run"); }

  bool paused = true;
};

TEST(WorkerPoolModel, APauseHoldsBackWhatComesAfterIt) {
  explore::expect_holds<a_task_pauses_its_pool>(fewer);
}

// ---- what workers keep: with so much capacity that they do

// Under each kind of memory and barrier that there is.
template <explore::model M>
void expect_holds_on_late_stores() {
  for (const bool fences : {false, true}) {
    explore::settings how = fewer;
    how.store_buffers = true;
    how.fences = fences;
    explore::expect_holds<M>(how);
  }
}

// A task submits two others, and goes on until both have run.
struct a_task_submits_two : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    pool->post([this] {
      for (int i = 0; i < 2; ++i) {
        check(pool->post([this] {
                    if (ran.fetch_add(1) == 1) both_ran.unpark();
                  })
                  .has_value(),
              "an open pool accepts");
      }
      both_ran.park();  // the pool is not told: only the other worker can run them
    });
    pool->wait_idle();
    check(ran.load() == 2, "P6: what a busy worker keeps is run by another");
    pool->close();
  }
  void end() { check(even_account().succeeded == 3, "P1: what was accepted has run"); }

  parker both_ran;
  atomic<unsigned> ran{0};
};

TEST(WorkerPoolModel, P6_WhatABusyWorkerKeepsIsRunByAnother) {
  explore::expect_holds<a_task_submits_two>(fewer);
}
TEST(WorkerPoolModel, P6_WhatABusyWorkerKeepsIsRunByAnotherOnLateStores) {
  expect_holds_on_late_stores<a_task_submits_two>();
}
TEST(WorkerPoolModel, CatchesAWakeOfThievesThatWakesNobody) {
  explore::expect_caught<a_task_submits_two>(fault::futex_wakes_nobody);
}

TEST(WorkerPoolModel, CatchesABarrierThatDoesNothing) {
  explore::settings how{.schedules = 500'000};
  how.store_buffers = true;
  explore::expect_caught<a_task_submits_two>(fault::heavy_barrier_does_nothing, how);
  how.fences = true;
  explore::expect_caught<a_task_submits_two>(fault::light_barrier_does_nothing, how);
}

// A worker looks for its group's task below one that is no business of the group's, puts that one
// back, and runs the group's, which waits for it. Another, which looked in between and found
// nothing, must hear of it: only it can run it.
struct a_group_waits_for_what_lies_below : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    pool->post([this] {
      task_group group{*pool};
      const auto here = std::this_thread::get_id();
      check(group
                .run([this, here] {
                  if (std::this_thread::get_id() == here) other_ran.park();
                })
                .has_value(),
            "an open pool accepts");
      check(pool->post([this] { other_ran.unpark(); }).has_value(), "an open pool accepts");
      group.wait();
    });
    pool->wait_idle();
    pool->close();
  }
  void end() { check(even_account().succeeded == 3, "P1: what was accepted has run"); }

  parker other_ran;
};

TEST(WorkerPoolModel, P6_WhatIsPutBackIsRunByAnother) {
  explore::expect_holds<a_group_waits_for_what_lies_below>(fewer);
}
TEST(WorkerPoolModel, P6_WhatIsPutBackIsRunByAnotherOnLateStores) {
  expect_holds_on_late_stores<a_group_waits_for_what_lies_below>();
}

// Both halves run once, on whichever of two workers.
template <bool a_waits_for_b>
struct a_join : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    pool->post([this] {
      join(
          *pool,
          [this] {
            a.fetch_add(1);
            if (a_waits_for_b) b_ran.park();
          },
          [this] {
            b.fetch_add(1);
            if (a_waits_for_b) b_ran.unpark();
          });
      check(a.load() == 1 && b.load() == 1, "both halves have run, once");
    });
    pool->wait_idle();
    pool->close();
  }
  void end() {
    const ledger tasks = even_account();
    check(tasks.succeeded == tasks.accepted, "P1: what was accepted has run");
  }

  parker b_ran;
  atomic<unsigned> a{0};
  atomic<unsigned> b{0};
};

TEST(WorkerPoolModel, AJoinRunsBothHalvesOnce) {
  explore::expect_holds<a_join<false>>(fewer);
  expect_holds_on_late_stores<a_join<false>>();
}
TEST(WorkerPoolModel, AJoinsHalfIsRunByAnotherWorkerWhileTheFirstIsBusy) {
  explore::expect_holds<a_join<true>>(fewer);
  expect_holds_on_late_stores<a_join<true>>();
}

// The cancel step comes at any moment: what is kept has run or ends as cancelled, a half has run or
// is told to be stopped, and nothing starts after the step has returned.
struct cancel_of_what_is_kept : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    pool->post([this] {
      for (int i = 0; i < 2; ++i) {
        if (pool->post([this] {
              check(!over, "P4: after the cancel step no task starts");
              ran.fetch_add(1);
            })) {
          accepted.fetch_add(1);
        }
      }
    });
    check(pool->cancel(), "without a limit, cancel() waits until nothing runs");
    over = true;
  }
  void end() {
    const ledger tasks = even_account();
    check(tasks.accepted == accepted.load() + 1, "P1: what was accepted is counted, once");
    check(tasks.succeeded + tasks.cancelled == tasks.accepted, "each has run or is cancelled");
  }

  bool over = false;
  atomic<std::uint64_t> accepted{0};
  atomic<std::uint64_t> ran{0};
};

TEST(WorkerPoolModel, P4_TheCancelStepLeavesNothingThatIsKept) {
  explore::expect_holds<cancel_of_what_is_kept>();
  expect_holds_on_late_stores<cancel_of_what_is_kept>();
}

struct cancel_of_a_join : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    pool->post([this] {
      bool was_stopped = false;
      try {
        join(
            *pool, [] {}, [this] { b.fetch_add(1); });
      } catch (const task_stopped&) {
        was_stopped = true;
      }
      check(b.load() == (was_stopped ? 0 : 1), "b has run, or join tells that it has not");
    });
    check(pool->cancel(), "without a limit, cancel() waits until nothing runs");
  }
  void end() { (void)even_account(); }

  atomic<int> b{0};
};

TEST(WorkerPoolModel, P4_TheCancelStepLosesNoHalfOfAJoin) {
  explore::expect_holds<cancel_of_a_join>(fewer);
  expect_holds_on_late_stores<cancel_of_a_join>();
}

// The pool is closed while a task submits: what it keeps still runs.
struct close_while_a_task_submits : with_pool {
  void thread(unsigned) {
    pool = explored_pool(2, roomy, time, 0);
    pool->post([this] {
      for (int i = 0; i < 2; ++i) {
        if (pool->post([this] { ran.fetch_add(1); })) accepted.fetch_add(1);
      }
    });
    pool->close();
  }
  void end() {
    const ledger tasks = pool->shutdown().tasks;
    check(tasks.accepted == accepted.load() + 1, "P1: what was accepted is counted, once");
    check(ran.load() == accepted.load(), "P4: what was accepted runs, what was refused does not");
  }

  atomic<std::uint64_t> accepted{0};
  atomic<std::uint64_t> ran{0};
};

TEST(WorkerPoolModel, P4_WhatIsKeptBeforeTheCloseRuns) {
  explore::expect_holds<close_while_a_task_submits>();
  expect_holds_on_late_stores<close_while_a_task_submits>();
}

}  // namespace
}  // namespace millpool
