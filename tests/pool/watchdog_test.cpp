// Promise P10: a stuck task is detected, named, shown with its stack, told to stop, and compensated
// for.
#include "millpool/base/manual_clock.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <latch>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace millpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds stuck_after{8};
constexpr seconds a_look{1};

/// Virtual time that knows until when somebody waits: so a test knows that the watchdog has looked,
/// and waits for its next look.
class expected_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override { return time_.now(); }
  [[nodiscard]] time_point look_again(time_point deadline) const noexcept override {
    const std::lock_guard lock{mutex_};
    waited_for_.insert(deadline);
    return time_.look_again(deadline);
  }
  void advance(duration by) noexcept { time_.advance(by); }
  [[nodiscard]] bool is_waited_for(time_point deadline) const {
    const std::lock_guard lock{mutex_};
    return waited_for_.contains(deadline);
  }

 private:
  manual_clock time_;
  mutable std::mutex mutex_;
  mutable std::set<time_point> waited_for_;
};

/// What on_stuck was called with. Outlives the pool.
class stuck_reports {
 public:
  struct report {
    stuck_info info;  // its views are over
    std::string worker;
    std::string task_class;
  };

  [[nodiscard]] std::function<void(const stuck_info&)> hook() {
    return [this](const stuck_info& info) {
      const std::lock_guard lock{mutex_};
      all_.push_back({info, std::string{info.worker}, std::string{info.task_class}});
    };
  }
  [[nodiscard]] std::vector<report> all() const {
    const std::lock_guard lock{mutex_};
    return all_;
  }
  [[nodiscard]] std::size_t count() const { return all().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<report> all_;
};

/// Tasks that hang at a door, one on each of several threads. At its end all have left.
class hanging {
 public:
  hanging() = default;
  ~hanging() {
    let_go();
    test::await([&] { return left_ == inside_; });
  }
  hanging(const hanging&) = delete;
  hanging& operator=(const hanging&) = delete;

  /// Returns when the thread of the new one, and of all before, waits: so that it wants no
  /// processor, for want of which it would not age.
  void await(int count) {
    test::await([&] { return inside_ == count; });
    const std::lock_guard lock{mutex_};
    test::await([&] { return test::all_asleep(threads_); });
  }
  void hang() {
    {
      const std::lock_guard lock{mutex_};
      threads_.push_back(std::to_string(::gettid()));
    }
    ++inside_;
    door_.pass();
    ++left_;
  }
  void let_go() { door_.open(); }

 private:
  test::gate door_;
  std::atomic<int> inside_{0};
  std::atomic<int> left_{0};
  std::mutex mutex_;
  std::vector<std::string> threads_;
};

class P10_Stuck : public test::ShapedPoolTest {
 protected:
  [[nodiscard]] pool_options options() { return watched(test::ShapedPoolTest::options()); }
  [[nodiscard]] pool_options watched(pool_options chosen) {
    chosen.time = &time;
    chosen.stuck_after = stuck_after;
    chosen.on_stuck = seen.hook();
    return chosen;
  }
  // While a task runs: else nobody looks.
  void let_pass(duration by = a_look) {
    time.advance(by);
    test::await([&] { return time.is_waited_for(time.now() + a_look); });
  }
  void let_looks_pass(int count) {
    for (int i = 0; i < count; ++i) let_pass();
  }

  expected_clock time;
  stuck_reports seen;
};
MILLPOOL_IN_ALL_SHAPES(P10_Stuck);

TEST_P(P10_Stuck, IsReportedOnceWithNameAndAge) {
  worker_pool pool{options()};
  const task_class cls = pool.add_class({.name = "slow"});
  hanging all;
  struct a_task_of_this_name {
    hanging& at;
    void operator()() const { at.hang(); }
  };
  pool.post(cls, a_task_of_this_name{all});
  all.await(1);
  let_looks_pass(8);  // it began before the first of them
  EXPECT_EQ(seen.count(), 0U);
  EXPECT_EQ(pool.stats().stuck, 0U);
  let_pass();
  test::await([&] { return seen.count() == 1; });
  const auto report = seen.all()[0];
  EXPECT_EQ(report.info.age, stuck_after);
  EXPECT_EQ(report.info.doing, stuck_info::state::blocked);
  EXPECT_EQ(report.task_class, "slow");
  EXPECT_EQ(report.worker, "test/" + std::to_string(report.info.index));
  EXPECT_LT(report.info.index, GetParam().workers);
  EXPECT_NE(report.info.task.find("a_task_of_this_name"), std::string::npos) << report.info.task;
  EXPECT_EQ(pool.stats().stuck, 1U);
  let_looks_pass(20);
  EXPECT_EQ(seen.count(), 1U);
  all.let_go();
  pool.wait_idle();
  EXPECT_EQ(pool.stats().stuck, 0U);
  EXPECT_EQ(pool.stats().stuck_total, 1U);
}

TEST_P(P10_Stuck, TakesNoCapacityAwayForLongerThanStuckAfter) {
  worker_pool pool{options()};
  hanging all;
  for (int i = 1; i <= workers(); ++i) {
    pool.post([&] { all.hang(); });
    all.await(i);
  }
  auto next = pool.submit([] { return 42; });
  let_looks_pass(7);
  EXPECT_FALSE(next.wait_for(duration::zero()));
  EXPECT_EQ(pool.stats().workers.total, GetParam().workers);
  let_pass();
  EXPECT_EQ(next.get(), 42);
  EXPECT_EQ(seen.count(), 0U);
  all.let_go();
  test::await([&] { return pool.stats().workers.total == GetParam().workers; });
}

TEST_P(P10_Stuck, IsCompensatedForWithinTheLimit) {
  auto chosen = options();
  chosen.max_compensation = 0;
  worker_pool pool{chosen};
  hanging all;
  for (int i = 1; i <= workers(); ++i) {
    pool.post([&] { all.hang(); });
    all.await(i);
  }
  auto next = pool.submit([] { return 42; });
  let_looks_pass(9);
  test::await([&] { return seen.count() == GetParam().workers; });
  EXPECT_EQ(pool.stats().workers.total, GetParam().workers);
  EXPECT_FALSE(next.wait_for(duration::zero()));
  all.let_go();
  EXPECT_EQ(next.get(), 42);
}

TEST_P(P10_Stuck, IsCompensatedForOnceWhereItHasSaidThatItBlocks) {
  worker_pool pool{options()};
  hanging blocked;
  hanging busy;
  for (int i = 1; i <= workers(); ++i) {
    pool.post([&] {
      const blocking_region here;
      blocked.hang();
    });
    blocked.await(i);
  }
  let_looks_pass(4);
  for (int i = 1; i <= workers(); ++i) {
    pool.post([&] { busy.hang(); });
    busy.await(i);
  }
  auto next = pool.submit([] { return 42; });
  let_looks_pass(6);  // the former are stuck
  test::await([&] { return seen.count() == GetParam().workers; });
  EXPECT_EQ(pool.stats().workers.total, 2 * GetParam().workers);
  EXPECT_FALSE(next.wait_for(duration::zero()));
  let_looks_pass(2);  // the latter are overdue
  EXPECT_EQ(next.get(), 42);
  blocked.let_go();
  busy.let_go();
  pool.wait_idle();
  test::await([&] { return pool.stats().workers.total == GetParam().workers; });
}

TEST_P(P10_Stuck, IsToldToStop) {
  auto chosen = options();
  chosen.queue_capacity = 1024;
  worker_pool pool{chosen};
  const task_class cls = pool.add_class({.name = "any"});
  const auto until_told = [](task_context& context) {
    while (!context.stop_requested()) test::observe_for(milliseconds{1});
  };
  auto plain = pool.submit(until_told);
  auto of_a_class = pool.submit(cls, until_told);
  auto next = pool.submit([](task_context& context) { return context.stop_requested(); });
  test::await([&] {
    time.advance(a_look);
    test::observe_for(milliseconds{2});
    return seen.count() >= 2;
  });
  plain.get();
  of_a_class.get();
  EXPECT_FALSE(next.get());
}

TEST_P(P10_Stuck, HasItsStopTokenFiredWhereItHasATimeout) {
  worker_pool pool{options()};
  std::atomic<bool> asked{false};
  auto told = pool.submit({.timeout = hours{24 * 365}}, [&](task_context& context) {
    test::gate door;
    const std::stop_callback opens{context.stop_token(), [&] { door.open(); }};
    asked = true;
    door.pass();
    return context.stop_requested();
  });
  test::await([&] { return asked.load(); });
  test::await([&] {
    time.advance(a_look);
    test::observe_for(milliseconds{2});
    return seen.count() == 1;
  });
  EXPECT_TRUE(told.get());
}

TEST_P(P10_Stuck, IsNoneWhereTimeIsTakenFromThePoolAsAWhole) {
  worker_pool pool{options()};
  hanging all;
  pool.post([&] { all.hang(); });
  all.await(1);
  let_pass();
  for (int i = 0; i < 3; ++i) let_pass(hours{24 * 365});  // no more than two looks each
  EXPECT_EQ(pool.stats().stuck_total, 0U);
  let_pass();  // overdue
  let_pass();
  test::await([&] { return seen.count() == 1; });
  EXPECT_EQ(seen.all()[0].info.age, stuck_after);
  all.let_go();
}

TEST_P(P10_Stuck, IsNoTaskThatComesAfterAnother) {
  worker_pool pool{options()};
  for (int i = 0; i < 30; ++i) {
    hanging one;
    pool.post([&] { one.hang(); });
    one.await(1);
    let_looks_pass(6);
    one.let_go();
    pool.wait_idle();
  }
  EXPECT_EQ(seen.count(), 0U);
  EXPECT_EQ(pool.stats().workers.total, GetParam().workers);
}

TEST_P(P10_Stuck, MayBeTheSubmittersThread) {
  auto chosen = options();
  chosen.when_full = full_policy::caller_runs;
  hanging others;  // most of whose tasks begin when it is over
  worker_pool pool{chosen};
  hanging all;
  for (int i = 1; i <= workers(); ++i) {
    pool.post([&] { all.hang(); });
    all.await(i);
  }
  for (int i = 0; i < capacity(); ++i) ASSERT_TRUE(pool.try_post([&] { others.hang(); }));
  hanging here;
  std::jthread submitter{[&] { pool.post([&] { here.hang(); }); }};
  here.await(1);
  let_looks_pass(9);
  test::await([&] { return seen.count() == GetParam().workers + 1; });
  const auto found = seen.all();
  EXPECT_EQ(std::ranges::count(found, std::string{}, &stuck_reports::report::worker), 1);
  const int more = std::min(workers(), capacity());
  others.await(more);
  EXPECT_EQ(pool.stats().workers.total, GetParam().workers + static_cast<std::size_t>(more))
      << "a submitter takes no worker's place";
  all.let_go();
  here.let_go();
  others.let_go();
}

TEST_P(P10_Stuck, MayOutliveThePatienceOfAShutdown) {
  hanging all;
  {
    auto chosen = options();
    chosen.at_destruction = {.drain = duration::zero(), .cancel = duration::zero()};
    worker_pool pool{chosen};
    pool.post([&, p = new_payload()] { all.hang(); });
    all.await(1);
    let_looks_pass(9);
    test::await([&] { return seen.count() == 1; });
  }
  all.let_go();
}

TEST_P(P10_Stuck, IsNotLookedForWithoutStuckAfter) {
  std::atomic<int> threads{0};
  auto chosen = options();
  chosen.stuck_after.reset();
  chosen.start_thread = [&](std::function<void()> body) {
    ++threads;
    return std::thread{std::move(body)};
  };
  worker_pool pool{chosen};
  pool.submit([] {}).get();
  EXPECT_EQ(threads, workers());
}

using P10_StuckOnOne = P10_Stuck;
INSTANTIATE_TEST_SUITE_P(, P10_StuckOnOne, ::testing::Values(test::pool_shape{1, 1024}),
                         [](const auto& each) { return testing::PrintToString(each.param); });

// Inside one that waits for it: each is reported for itself, and gives back what was its own.
TEST_P(P10_StuckOnOne, MayRunInsideAnother) {
  worker_pool pool{options()};
  const task_class inner = pool.add_class({.name = "inner"});
  const task_class outer = pool.add_class({.name = "outer"});
  hanging first;
  hanging inside;
  hanging last;
  std::array<std::atomic<bool>, 2> told{};
  pool.post(outer, [&](task_context& context) {
    first.hang();
    pool.submit(inner, [&] { inside.hang(); }).get();
    told[0] = context.stop_requested();
    last.hang();
    told[1] = context.stop_requested();
  });
  first.await(1);
  let_looks_pass(9);
  test::await([&] { return seen.count() == 1; });
  first.let_go();
  inside.await(1);
  let_looks_pass(9);
  test::await([&] { return seen.count() == 2; });
  EXPECT_EQ(pool.stats().stuck, 2U);
  inside.let_go();
  last.await(1);
  EXPECT_EQ(pool.stats().stuck, 1U);
  EXPECT_TRUE(told[0]) << "it was stuck before";
  let_looks_pass(20);
  EXPECT_EQ(seen.count(), 2U) << "it was reported before";
  last.let_go();
  pool.wait_idle();
  EXPECT_TRUE(told[1]);
  EXPECT_EQ(pool.stats().stuck, 0U);
  EXPECT_EQ(seen.all()[0].task_class, "outer");
  EXPECT_EQ(seen.all()[1].task_class, "inner");
  test::await([&] { return pool.stats().workers.total == 1; });
}

// ---- by the real clock

class P10_StuckInRealTime : public test::PoolTest {
 protected:
  [[nodiscard]] pool_options watched(std::size_t workers, milliseconds after) {
    auto chosen = test::sized(workers);
    chosen.stuck_after = after;
    chosen.on_stuck = seen.hook();
    return chosen;
  }
  stuck_reports seen;
};

// Not a tail call, so that it is on the stack.
[[gnu::noinline]] int a_function_that_hangs(const test::gate& door) {
  int looks = 0;
  while (!door.is_open()) {
    test::observe_for(milliseconds{1});
    ++looks;
  }
  return looks;
}

TEST_F(P10_StuckInRealTime, IsShownWithItsStack) {
  test::gate door;
  worker_pool pool{watched(1, milliseconds{20})};
  pool.post([&] { EXPECT_GE(a_function_that_hangs(door), 1); });
  test::await([&] { return seen.count() == 1; });
  door.open();
  const stuck_info info = seen.all()[0].info;
  EXPECT_EQ(info.why_no_stack, "");
  const auto names_it = [](const std::string& call) {
    return call.find("a_function_that_hangs") != std::string::npos;
  };
  EXPECT_TRUE(std::ranges::any_of(info.stack, names_it)) << testing::PrintToString(info.stack);
  const auto is_ours = [](const std::string& call) {
    return call.find("__restore_rt") != std::string::npos;
  };
  EXPECT_TRUE(std::ranges::none_of(info.stack, is_ours)) << testing::PrintToString(info.stack);
}

TEST_F(P10_StuckInRealTime, IsToldFromOneThatUsesTheProcessor) {
  worker_pool pool{watched(2, milliseconds{40})};
  const task_class waits = pool.add_class({.name = "waits"});
  const task_class spins = pool.add_class({.name = "spins"});
  hanging all;
  pool.post(waits, [&] { all.hang(); });
  pool.post(spins, [&](task_context& context) {
    while (!context.stop_requested()) {
    }
  });
  test::await([&] { return seen.count() == 2; });
  all.let_go();
  for (const auto& each : seen.all()) {
    EXPECT_EQ(each.info.doing,
              each.task_class == "spins" ? stuck_info::state::running : stuck_info::state::blocked);
    EXPECT_GE(each.info.age, milliseconds{40});
  }
}

TEST_F(P10_StuckInRealTime, IsLookedForByNobodyWhileThePoolSleeps) {
  worker_pool pool{watched(2, milliseconds{8})};
  for (int round = 0; round < 3; ++round) {
    pool.submit([] {}).get();
    test::await([] { return test::sleep_for_good(3); });  // with the thread that keeps the time
    hanging all;
    pool.post([&] { all.hang(); });
    test::await([&] { return seen.count() == static_cast<std::size_t>(round + 1); });
    all.let_go();
    pool.wait_idle();
  }
}

// Looks come eight times in a millisecond, and the tasks end about when they become overdue.
TEST_F(P10_StuckInRealTime, Stress_MayEndJustAsItIsMarked) {
  worker_pool pool{watched(8, milliseconds{1})};
  const int count = test::scaled(8'000);
  std::atomic<int> ended{0};
  for (int i = 0; i < count; ++i) {
    pool.post([&] {
      test::observe_for(milliseconds{1});
      ++ended;
    });
  }
  pool.wait_idle();
  EXPECT_EQ(ended, count);
  EXPECT_EQ(pool.stats().stuck, 0U);
  test::await([&] { return pool.stats().stuck_total == seen.count(); });
  test::await([&] { return pool.stats().workers.total == 8U; });
}

TEST_F(P10_StuckInRealTime, IsPrintedWhereNobodyIsToldOfIt) {
  testing::internal::CaptureStderr();
  {
    auto chosen = watched(1, milliseconds{10});
    chosen.on_stuck = nullptr;
    worker_pool pool{chosen};
    pool.submit([](task_context& context) {
          while (!context.stop_requested()) test::observe_for(milliseconds{1});
        })
        .get();
  }
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_NE(printed.find("a task of pool 'test' is stuck on test/0"), std::string::npos) << printed;
}

// A tenth of a second is spent on all together, and not on each. A machine that does something else
// meanwhile is given another try.
TEST_F(P10_StuckInRealTime, HasNoStackWhereTheThreadDoesNotAnswerAndOthersDoNotWaitForIt) {
  constexpr int tasks = 8;
  duration best = hours{1};
  for (int attempt = 0; attempt < 10 && best >= milliseconds{400}; ++attempt) {
    stuck_reports told;
    std::atomic<steady_clock::rep> first{0};
    std::atomic<steady_clock::rep> last{0};
    auto chosen = watched(tasks, milliseconds{20});
    chosen.on_stuck = [&](const stuck_info& info) {
      EXPECT_EQ(info.why_no_stack, "the thread does not answer");
      const auto now = steady_clock::now().time_since_epoch().count();
      if (first == 0) first = now;
      last = now;
      told.hook()(info);
    };
    worker_pool pool{chosen};
    hanging all;
    for (int i = 0; i < tasks; ++i) {
      pool.post([&] {
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, SIGRTMIN + 5);
        pthread_sigmask(SIG_BLOCK, &only, nullptr);
        all.hang();
      });
    }
    test::await([&] { return told.count() == tasks; });
    best = std::min(best, duration{last - first});
    all.let_go();
  }
  EXPECT_LT(best, milliseconds{400});
}

TEST_F(P10_StuckInRealTime, HasNoStackWhereTheProgramUsesTheSignal) {
  struct sigaction theirs {};
  struct sigaction before {};
  theirs.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGRTMIN + 5, &theirs, &before), 0);
  {
    worker_pool pool{watched(1, milliseconds{10})};
    hanging all;
    pool.post([&] { all.hang(); });
    test::await([&] { return seen.count() == 1; });
    all.let_go();
    const stuck_info info = seen.all()[0].info;
    EXPECT_TRUE(info.stack.empty());
    EXPECT_NE(info.why_no_stack.find("uses the signal"), std::string_view::npos);
  }
  ASSERT_EQ(::sigaction(SIGRTMIN + 5, &before, nullptr), 0);
}

TEST_F(P10_StuckInRealTime, IsNoneAmongManyShortTasks) {
  const int count = test::scaled(1'000'000);
  std::atomic<int> ran{0};
  {
    worker_pool pool{watched(4, milliseconds{50})};
    for (int i = 0; i < count; ++i) pool.post([&] { ran.fetch_add(1, std::memory_order_relaxed); });
    pool.wait_idle();
    EXPECT_EQ(pool.stats().stuck_total, 0U);
  }
  EXPECT_EQ(ran, count);
  EXPECT_EQ(seen.count(), 0U);
}

TEST_F(P10_StuckInRealTime, IsNoneInAProcessThatWasStopped) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer knows no new threads in a child whose parent has some";
#endif
  std::array<int, 2> to_parent{};
  std::array<int, 2> to_child{};
  ASSERT_EQ(::pipe(to_parent.data()), 0);
  ASSERT_EQ(::pipe(to_child.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);  // a child that hangs is a failure, and no orphan
    worker_pool pool{watched(2, milliseconds{2'000})};
    pool.submit([&] {
          char byte = 'x';
          return ::write(to_parent[1], &byte, 1) == 1 && ::read(to_child[0], &byte, 1) == 1;
        })
        .get();
    ::_exit(static_cast<int>(pool.stats().stuck_total));
  }
  char byte = 0;
  ASSERT_EQ(::read(to_parent[0], &byte, 1), 1);
  int status = 0;
  ::kill(child, SIGSTOP);
  ::waitpid(child, &status, WUNTRACED);
  EXPECT_TRUE(WIFSTOPPED(status));
  test::observe_for(milliseconds{3'000});
  ::kill(child, SIGCONT);
  EXPECT_EQ(::write(to_child[1], &byte, 1), 1);
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "stuck tasks";
  for (const int each : {to_parent[0], to_parent[1], to_child[0], to_child[1]}) ::close(each);
}

TEST_F(P10_StuckInRealTime, IsRefusedAfterLessThanAMillisecond) {
  for (const duration after : {duration{0}, duration{-1}, duration{999'999}}) {
    auto chosen = test::sized(1);
    chosen.stuck_after = after;
    try {
      const worker_pool pool{chosen};
      FAIL() << after.count();
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string{error.what()}.find("stuck_after"), std::string::npos) << error.what();
    }
  }
}

// Tasks of about stuck_after: some are over before they are overdue, some before they are stuck,
// and some just then.
TEST_F(P10_StuckInRealTime, Stress_WhoeverEndsWheneverEachGivesBackWhatItTook) {
  const int count = test::scaled(1'500);
  std::atomic<int> told{0};
  std::uint64_t stuck = 0;
  {
    worker_pool pool{watched(4, milliseconds{1})};
    const task_class cls = pool.add_class({.name = "some", .timeout = hours{1}});
    for (int i = 0; i < count; ++i) {
      const auto work = [&, until = std::chrono::microseconds{100 * (i % 23)}](task_context& task) {
        const time_point start = steady().now();
        const std::stop_callback count_it{task.stop_token(), [&] { ++told; }};
        while (steady().now() - start < until) {
          if (until.count() % 200 == 0) std::this_thread::yield();
        }
      };
      if (i % 2 == 0) {
        pool.post(work);
      } else {
        pool.post(cls, work);
      }
    }
    pool.wait_idle();
    test::await([&] { return pool.stats().stuck == 0 && pool.stats().workers.total == 4; });
    stuck = pool.stats().stuck_total;
  }
  EXPECT_EQ(seen.count(), stuck);
  EXPECT_LE(static_cast<std::uint64_t>(told), stuck);
}

// ---- told to stop by the time

using StopToken = P10_Stuck;
MILLPOOL_IN_ALL_SHAPES(StopToken);

// Waits until its token says so. \return whether it did for what the context says, too.
bool wait_for_token(task_context& context, std::atomic<bool>& waits) {
  test::gate door;
  const std::stop_callback opens{context.stop_token(), [&] { door.open(); }};
  waits = true;
  door.pass();
  return context.stop_token().stop_requested() && context.stop_requested();
}

TEST_P(StopToken, FiresAtTheDeadline) {
  auto chosen = options();
  chosen.stuck_after.reset();
  worker_pool pool{chosen};
  std::atomic<bool> waits{false};
  auto late = pool.submit({.timeout = hours{2}},
                          [&](task_context& context) { return wait_for_token(context, waits); });
  test::await([&] { return waits.load(); });
  time.advance(hours{2} - duration{1});
  test::observe_for(milliseconds{5});
  EXPECT_FALSE(late.wait_for(duration::zero()));
  time.advance(duration{1});
  EXPECT_TRUE(late.get());
}

TEST_P(StopToken, FiresForEachAtItsOwn) {
  auto chosen = options();
  chosen.stuck_after.reset();
  worker_pool pool{chosen};
  const time_point start = time.now();
  std::vector<future<bool>> all;
  for (int i = 0; i < workers(); ++i) {
    std::atomic<bool> waits{false};
    const int due = 1 + (i * 3) % workers();  // not in their order
    all.push_back(pool.submit({.timeout = hours{due}}, [&, due](task_context& context) {
      return wait_for_token(context, waits) && time.now() == start + hours{due};
    }));
    test::await([&] { return waits.load(); });
  }
  for (int now = 1; now <= workers(); ++now) {
    time.advance(hours{1});
    test::await([&] {
      return std::ranges::count_if(
                 all, [](auto& each) { return each.wait_for(duration::zero()); }) == now;
    });
  }
  for (auto& each : all) EXPECT_TRUE(each.get());
}

TEST_P(StopToken, FiresAtOnceWhereTheDeadlineHasPassed) {
  worker_pool pool{options()};
  auto late = pool.submit({.timeout = hours{1}}, [&](task_context& context) {
    time.advance(hours{1});
    return context.stop_token().stop_requested();
  });
  EXPECT_TRUE(late.get());
}

TEST_P(StopToken, FiresWithTheOneOfTheSubmission) {
  worker_pool pool{options()};
  std::stop_source source;
  std::atomic<bool> waits{false};
  auto told = pool.submit({.timeout = hours{1}, .stop_token = source.get_token()},
                          [&](task_context& context) { return wait_for_token(context, waits); });
  test::await([&] { return waits.load(); });
  source.request_stop();
  EXPECT_TRUE(told.get());
}

TEST_P(StopToken, FiresInTheCancelStep) {
  worker_pool pool{options()};
  std::atomic<bool> waits{false};
  auto told = pool.submit({.timeout = hours{1}},
                          [&](task_context& context) { return wait_for_token(context, waits); });
  test::await([&] { return waits.load(); });
  EXPECT_TRUE(pool.cancel());
  EXPECT_TRUE(told.get());
}

TEST_P(StopToken, IsThatOfTheSubmissionWithoutADeadline) {
  worker_pool pool{options()};
  std::stop_source source;
  auto same = pool.submit({.stop_token = source.get_token()}, [&](task_context& context) {
    return context.stop_token() == source.get_token();
  });
  EXPECT_TRUE(same.get());
  EXPECT_FALSE(
      pool.submit([](task_context& context) { return context.stop_token().stop_possible(); })
          .get());
}

TEST_P(StopToken, IsOneForAllWhoAsk) {
  worker_pool pool{options()};
  auto same = pool.submit({.timeout = hours{1}}, [&](task_context& context) {
    std::array<std::stop_token, 3> tokens;
    {
      std::vector<std::jthread> others;
      for (auto& each : tokens) others.emplace_back([&] { each = context.stop_token(); });
    }
    return tokens[0] == tokens[1] && tokens[1] == tokens[2] && tokens[0] == context.stop_token();
  });
  EXPECT_TRUE(same.get());
}

}  // namespace
}  // namespace millpool
