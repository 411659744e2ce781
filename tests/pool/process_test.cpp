// Promise P15: a forked child is refused, signals stay out of workers, and a thread that cannot be
// created is reported.
#include "tests/support/process.hpp"

#include "millpool/pool/join.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <atomic>
#include <csignal>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace millpool {
namespace {

using P15_Fork = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P15_Fork);

// Runs `work` in a forked child. \return what it returned; 128 or more if it died or did not end.
template <class Work>
int in_a_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);  // a child that hangs is a failure, and no orphan
    ::_exit(work());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool all_are_refused(worker_pool& pool) {
  const auto is_forked = [](const auto& outcome) {
    return !outcome && outcome.error() == submit_errc::forked;
  };
  bool refused = is_forked(pool.post([] {})) && is_forked(pool.try_post([] {})) &&
                 is_forked(pool.try_submit([] {})) &&
                 is_forked(pool.submit_for(std::chrono::hours{1}, [] {}));
  try {
    pool.submit([] {}).get();
    refused = false;
  } catch (const submit_error& error) {
    refused = refused && error.code() == submit_errc::forked;
  }
  std::vector<std::function<void()>> many(3, [] {});
  refused = refused && pool.post_bulk(many) == 0;
  task_group group{pool};
  refused = refused && is_forked(group.run([] {}));
  try {
    group.wait();
    refused = false;
  } catch (const submit_error& error) {
    refused = refused && error.code() == submit_errc::forked;
  }
  result_channel<int> results{1};
  return refused && is_forked(results.submit(pool, [] { return 1; }));
}

TEST_P(P15_Fork, LeavesTheChildAPoolThatRefuses) {
  worker_pool pool{options()};
  pool.submit([] {}).get();
  EXPECT_EQ(in_a_child([&] { return all_are_refused(pool) ? 0 : 1; }), 0);
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42) << "the parent's pool goes on";
}

TEST_P(P15_Fork, LetsTheChildDestroyItsCopyOfABusyPool) {
  auto* pool = new worker_pool{options()};
  {
    test::occupation busy{*pool, workers()};
    (void)pool->try_post([] {});
    EXPECT_EQ(in_a_child([&] {
                delete pool;
                return 0;
              }),
              0);
  }
  delete pool;
}

TEST_P(P15_Fork, LetsTheChildCallWhatItLikesWithoutEffect) {
  worker_pool pool{options()};
  test::occupation busy{pool, workers()};
  (void)pool.try_post([] {});
  EXPECT_EQ(in_a_child([&] {
              pool.pause();
              pool.resume();
              pool.resize(1, 50);
              pool.set_queue_capacity(7);
              pool_options wanted = pool.options();
              ++wanted.max_compensation;
              const bool the_same = pool.reconfigure(wanted).empty();
              const bool nothing = pool.purge().empty() && !pool.wait_idle() && !pool.drain() &&
                                   !pool.cancel() && pool.abandon() == 0;
              pool.close();
              (void)pool.shutdown();
              return the_same && nothing && test::thread_count() == 1 ? 0 : 1;
            }),
            0);
}

// A lock that another thread holds at the moment of the fork is held for ever in the child.
TEST_P(P15_Fork, RefusesInTheChildWhateverTheOtherThreadsWereAt) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's allocator, unlike the real one, keeps its locks in a child";
#endif
  worker_pool pool{options()};
  std::atomic<bool> over{false};
  std::vector<std::jthread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&, i] {
      while (!over) {
        if (i == 0) (void)pool.stats();
        pool.submit([] {}).get();
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(in_a_child([&] { return all_are_refused(pool) ? 0 : 1; }), 0) << "child " << i;
  }
  over = true;
}

TEST_P(P15_Fork, LetsTheChildMakeAPoolOfItsOwn) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer knows no new threads in a child whose parent has some";
#endif
  const worker_pool pool{options()};
  // AddressSanitizer keeps a lock in the child that a thread holds while it starts.
  test::await([&] {
    const auto ids = test::threads_named("test/");
    return ids.size() == GetParam().workers && test::all_asleep(ids);
  });
  EXPECT_EQ(in_a_child([&] {
              worker_pool own{options()};
              return own.submit([] { return 7; }).get();
            }),
            7);
}

// Nobody is there to take half of a join, and nobody is to be woken or started for it.
TEST_P(P15_Fork, LetsATaskThatGoesOnInTheChildMakeBothCallsOfAJoin) {
  pool_options chosen = options();
  chosen.max_workers = GetParam().workers + 8;
  worker_pool pool{chosen};
  const auto in_the_child = [&] {
    const auto self = std::this_thread::get_id();
    int here = 0;
    const auto call = [&] { here += std::this_thread::get_id() == self ? 1 : 0; };
    join(pool, call, call);
    return here == 2 && !pool.post([] {}) && test::thread_count() == 1 ? 0 : 1;
  };
  auto child = pool.submit([&] {
    join(
        pool, [] {}, [] {});  // so that the worker has places
    return in_a_child(in_the_child);
  });
  EXPECT_EQ(child.get(), 0);
}

using P15_Signals = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P15_Signals);

TEST_P(P15_Signals, AreBlockedInEveryWorkerAndAsBeforeElsewhere) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  pool_options chosen = options();
  chosen.max_workers = GetParam().workers + 1;
  worker_pool pool{chosen};
  test::occupation busy{pool, workers() + 1};  // one has been started by a submission
  const auto ids = test::threads_named("test/");
  ASSERT_EQ(ids.size(), GetParam().workers + 1);
  for (const std::string& id : ids) {
    const unsigned long blocked = std::stoul(test::status_of(id, "SigBlk"), nullptr, 16);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM}) {
      EXPECT_NE(blocked & (1UL << (signal - 1)), 0UL) << "signal " << signal;
    }
  }
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << "signal " << signal;
  }
}

using P15_Threads = test::PoolTest;

// Starts threads until `allowed` are used up; then fails as the system does.
struct stingy_system {
  std::atomic<int> allowed;

  std::function<std::thread(std::function<void()>)> starter() {
    return [this](std::function<void()> body) {
      if (allowed.fetch_sub(1) <= 0) {
        throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
      }
      return std::thread{std::move(body)};
    };
  }
};

TEST_F(P15_Threads, ThatAllFailToStartMakeTheConstructorThrow) {
  stingy_system system{0};
  pool_options chosen = test::sized(3);
  chosen.start_thread = system.starter();
  try {
    const worker_pool pool{chosen};
    FAIL() << "a pool without a thread";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
    EXPECT_NE(std::string{error.what()}.find("min_workers = 3"), std::string::npos) << error.what();
  }
}

TEST_F(P15_Threads, ThatInPartFailToStartAreReportedAndThePoolRunsWithTheRest) {
  stingy_system system{2};
  std::vector<std::error_code> reported;
  pool_options chosen = test::sized(8);
  chosen.start_thread = system.starter();
  chosen.on_thread_failure = [&](const std::system_error& error) {
    reported.push_back(error.code());
  };
  worker_pool pool{chosen};
  ASSERT_EQ(reported.size(), 1U);
  EXPECT_EQ(reported[0], std::errc::resource_unavailable_try_again);
  EXPECT_EQ(pool.stats().workers.total, 2U);
  EXPECT_EQ(pool.stats().thread_failures, 1U);
  EXPECT_EQ(pool.submit([] { return 42; }).get(), 42);
}

// Nobody is there to run it: the submitter does, and everything that waits with it.
TEST_F(P15_Threads, ThatCannotBeHadAtAllLeaveTheTasksToTheirSubmitters) {
  stingy_system system{0};
  pool_options chosen = test::sized(0);
  chosen.max_workers = 2;
  chosen.start_thread = system.starter();
  worker_pool pool{chosen};
  std::thread::id ran_by;
  auto answer = pool.submit([&] {
    ran_by = std::this_thread::get_id();
    return pool.submit([] { return 41; }).get() + 1;
  });
  EXPECT_EQ(answer.get(), 42);
  EXPECT_EQ(ran_by, std::this_thread::get_id());
  const shutdown_report report = pool.shutdown();
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(report.tasks.succeeded, 2U);
}

TEST_F(P15_Threads, ThatFailToStartForASubmissionDoNotFailTheSubmission) {
  stingy_system system{1};
  std::atomic<int> reported{0};
  pool_options chosen = test::sized(1);
  chosen.max_workers = 4;
  chosen.start_thread = system.starter();
  chosen.on_thread_failure = [&](const std::system_error&) { ++reported; };
  worker_pool pool{chosen};
  {
    const test::occupation busy{pool, 1};
    EXPECT_TRUE(pool.post([] {}));
    EXPECT_GE(reported, 1);
    system.allowed = 1;
    EXPECT_TRUE(pool.post([] {}));  // tried again, now with success
    test::await([&] { return pool.stats().tasks.succeeded == 2; });
  }
  EXPECT_EQ(pool.stats().thread_failures, static_cast<std::uint64_t>(reported));
  EXPECT_EQ(pool.stats().workers.total, 2U);
}

}  // namespace
}  // namespace millpool
