// Promise P1: every accepted task ends exactly once.
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <array>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using P1_Conservation = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P1_Conservation);

using tally = std::array<std::uint64_t, task_state_count>;

void expect_equal(ledger tasks, const tally& ended) {
  for (std::size_t i = 0; i < task_state_count; ++i) {
    const auto state = static_cast<task_state>(i);
    EXPECT_EQ(tasks.of(state), ended[i]) << to_string(state);
  }
}

// Submits a task that will end in `wish`.
future<void> submit_one(worker_pool& pool, task_state wish, test::payload cargo) {
  static const std::stop_source stopped = [] {
    std::stop_source source;
    source.request_stop();
    return source;
  }();
  switch (wish) {
    case task_state::failed:
      return pool.submit([cargo = std::move(cargo)] { throw std::runtime_error{"as wished"}; });
    case task_state::cancelled:
      return pool.submit({.stop_token = stopped.get_token()}, [cargo = std::move(cargo)] {});
    case task_state::expired:
      return pool.submit({.start_by = duration::zero()}, [cargo = std::move(cargo)] {});
    default:
      return pool.submit([cargo = std::move(cargo)] {});
  }
}

TEST_P(P1_Conservation, TheLedgerSaysWhatTheFuturesSay) {
  tally ended{};
  worker_pool pool{options()};
  const int rounds = test::scaled(500);
  for (int i = 0; i < rounds; ++i) {
    std::vector<future<void>> futures;
    for (const task_state wish :
         {task_state::succeeded, task_state::failed, task_state::cancelled, task_state::expired}) {
      futures.push_back(submit_one(pool, wish, new_payload()));
    }
    for (auto& each : futures) ++ended[static_cast<std::size_t>(each.take().state())];
  }
  const auto each = static_cast<std::uint64_t>(rounds);
  EXPECT_EQ(ended, (tally{each, each, each, each, 0, 0}));
  const auto report = pool.shutdown();
  expect_equal(report.tasks, ended);
  EXPECT_EQ(report.tasks.accepted, 4 * each);
  EXPECT_EQ(report.tasks.inside(), 0U);
}

TEST_P(P1_Conservation, TheLedgerBalancesInEverySnapshotOfAStorm) {
  worker_pool pool{options()};
  std::atomic<bool> over{false};
  std::jthread watcher{[&] {
    ledger last;
    while (!over) {
      const ledger now = pool.stats().tasks;
      ASSERT_TRUE(now.balanced()) << now;
      ASSERT_LE(now.waiting, GetParam().capacity);
      ASSERT_LE(now.running, now.accepted) << "below zero: " << now;
      ASSERT_GE(now.accepted, last.accepted);
      ASSERT_GE(now.ended(), last.ended());
      last = now;
    }
  }};
  std::atomic<std::uint64_t> accepted{0};
  const int each = test::scaled(4000);
  test::run_together(4, [&](int who) {
    for (int i = 0; i < each; ++i) {
      const auto wish = static_cast<task_state>((i + who) % 4);
      if (i % 3 == 0) {
        accepted += pool.try_post([cargo = new_payload()] {}).has_value() ? 1 : 0;
      } else {
        (void)submit_one(pool, wish, new_payload());
        ++accepted;
      }
      if (i % 500 == 0) (void)pool.purge();
    }
  });
  pool.wait_idle();
  over = true;
  watcher.join();
  const auto report = pool.shutdown();
  EXPECT_EQ(report.tasks.accepted, accepted.load());
  EXPECT_EQ(report.tasks.ended(), accepted.load());
}

TEST_P(P1_Conservation, TasksOfWorkersThatHaveLeftStayCounted) {
  worker_pool pool{options()};
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 5; ++j) pool.post([cargo = new_payload()] {});
    pool.resize(1, 1);
    pool.resize(GetParam().workers, GetParam().workers + 1);
  }
  EXPECT_EQ(pool.shutdown().tasks.succeeded, 100U);
}

TEST_P(P1_Conservation, WhatWaitsAndWhatRunsIsInside) {
  worker_pool pool{options()};
  {
    const test::occupation busy{pool, workers()};
    for (std::size_t i = 0; i < GetParam().capacity; ++i) ASSERT_TRUE(pool.try_post([] {}));
    const ledger now = pool.stats().tasks;
    EXPECT_EQ(now.running, GetParam().workers);
    EXPECT_EQ(now.waiting, GetParam().capacity);
    EXPECT_EQ(now.inside(), GetParam().workers + GetParam().capacity);
  }
  EXPECT_EQ(pool.stats().tasks.inside(), 0U);
}

TEST_P(P1_Conservation, ARefusedSubmissionIsInNoAccountButTheRefusals) {
  worker_pool pool{options()};
  {
    const test::occupation busy{pool, workers()};
    while (pool.try_post([] {})) {
    }
    ASSERT_FALSE(pool.try_submit([cargo = new_payload()] {}));
    EXPECT_EQ(payloads_alive, 0);
  }
  const auto now = pool.stats();
  EXPECT_EQ(now.refused[static_cast<std::size_t>(submit_errc::full)], 2U);
  EXPECT_EQ(now.tasks.accepted, GetParam().workers + GetParam().capacity);
}

TEST(P1_ShutdownReport, PrintsTheLedger) {
  worker_pool pool{test::sized(2)};
  pool.submit([] {}).get();
  std::ostringstream text;
  text << pool.shutdown();
  EXPECT_NE(text.str().find("accepted 1 = succeeded 1 + failed 0 + cancelled 0 + expired 0 + "
                            "discarded 0 + abandoned 0 + inside 0"),
            std::string::npos)
      << text.str();
}

}  // namespace
}  // namespace millpool
