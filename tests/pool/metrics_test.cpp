// What a Prometheus server learns of all pools: right, by class and lane, and never going back.
#include "millpool/pool/metrics.hpp"

#include "millpool/base/manual_clock.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/metrics_page.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class Metrics : public test::PoolTest {
 protected:
  [[nodiscard]] pool_options options(std::size_t workers = 2) {
    pool_options chosen = test::sized(workers);
    chosen.time = &time;
    chosen.on_unhandled = [](const std::exception_ptr&, const unhandled_info&) {};
    return chosen;
  }
  [[nodiscard]] static test::metrics_page_reader page() {
    return test::metrics_page_reader{metrics_page(metrics_format::prometheus)};
  }
  [[nodiscard]] static std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const pool_stats& each : stats_of_all_pools()) all.push_back(each.name);
    return all;
  }

  manual_clock time;
};

TEST_F(Metrics, TellHowTheTasksOfEachClassEnded) {
  worker_pool pool{options()};
  const auto mails = pool.add_class({.name = "mails", .priority = 2});
  for (int i = 0; i < 3; ++i) pool.post({.task_class = mails}, [] {});
  pool.post({.task_class = mails}, [] { throw std::runtime_error{"no"}; });
  pool.post({.attempt = 2, .task_class = mails}, [] {});
  for (int i = 0; i < 7; ++i) pool.post([] {});
  pool.wait_idle();
  const auto seen = page();
  EXPECT_EQ(seen["millpool_tasks_total{pool=\"test\",class=\"mails\",outcome=\"succeeded\"}"], 4);
  EXPECT_EQ(seen["millpool_tasks_total{pool=\"test\",class=\"mails\",outcome=\"failed\"}"], 1);
  EXPECT_EQ(seen["millpool_tasks_total{pool=\"test\",class=\"\",outcome=\"succeeded\"}"], 7);
  EXPECT_EQ(seen["millpool_tasks_total{pool=\"test\",class=\"\",outcome=\"failed\"}"], 0);
  EXPECT_EQ(seen["millpool_tasks_accepted_total{pool=\"test\"}"], 12);
  EXPECT_EQ(seen["millpool_retries_total{pool=\"test\",class=\"mails\"}"], 1);
  EXPECT_EQ(seen["millpool_retries_total{pool=\"test\",class=\"\"}"], 0);
}

TEST_F(Metrics, TellHowLongTasksOfEachClassAndLaneWaitedAndRan) {
  pool_options chosen = options(1);
  chosen.on_task_end = [](const task_end_info&) {};  // each is measured
  worker_pool pool{chosen};
  const auto mails = pool.add_class({.name = "mails", .priority = 2});
  pool.pause();
  for (int i = 0; i < 2; ++i) pool.post({.task_class = mails}, [this] { time.advance(1s); });
  pool.post({.priority = 5, .task_class = mails}, [this] { time.advance(1s); });
  pool.post({.priority = 7}, [this] { time.advance(4s); });
  pool.post([] {});
  time.advance(10s);
  pool.resume();
  pool.wait_idle();
  const auto seen = page();
  const auto of = [&](const char* name, const char* labels) {
    return seen[std::string{"millpool_"} + name + "{pool=\"test\"," + labels + "}"];
  };
  EXPECT_EQ(of("queue_wait_seconds_count", R"(class="mails",lane="2")"), 2);
  EXPECT_EQ(of("queue_wait_seconds_sum", R"(class="mails",lane="2")"), 21);
  EXPECT_EQ(of("task_run_seconds_sum", R"(class="mails",lane="2")"), 2);
  EXPECT_EQ(of("task_run_seconds_count", R"(class="mails",lane="5")"), 1);
  EXPECT_EQ(of("task_run_seconds_sum", R"(class="",lane="7")"), 4);
  EXPECT_EQ(of("task_run_seconds_bucket", R"(class="",lane="7",le="2.147483648")"), 0);
  EXPECT_EQ(of("task_run_seconds_bucket", R"(class="",lane="7",le="4.294967296")"), 1);
  EXPECT_EQ(of("task_run_seconds_count", R"(class="",lane="4")"), 1);
  EXPECT_EQ(pool.stats().run.count(), 5U);
  EXPECT_EQ(pool.stats().run.sum(), 7s);
}

TEST_F(Metrics, TellWhatTheWorkersDoAndWhatWaits) {
  worker_pool pool{options(2)};
  {
    const test::occupation busy{pool, 2};
    for (int i = 0; i < 3; ++i) pool.post({.priority = 6}, [] {});
    time.advance(8s);
    const auto seen = page();
    EXPECT_EQ(seen["millpool_workers{pool=\"test\",state=\"running\"}"], 2);
    EXPECT_EQ(seen["millpool_workers{pool=\"test\",state=\"idle\"}"], 0);
    EXPECT_EQ(seen["millpool_workers_active{pool=\"test\"}"], 2);
    EXPECT_EQ(seen["millpool_saturation{pool=\"test\"}"], 1);
    EXPECT_EQ(seen["millpool_queue_depth{pool=\"test\",lane=\"6\"}"], 3);
    EXPECT_EQ(seen["millpool_queue_depth{pool=\"test\",lane=\"0\"}"], 0);
    EXPECT_EQ(seen["millpool_queue_capacity{pool=\"test\"}"], 1024);
    EXPECT_EQ(seen["millpool_queue_oldest_age_seconds{pool=\"test\"}"], 8);
    EXPECT_EQ(seen["millpool_tasks_running{pool=\"test\"}"], 2);
    EXPECT_EQ(seen["millpool_desired_replicas_hint{pool=\"test\"}"], 1.25);
  }
  pool.close();
  pool.post([] {});
  EXPECT_EQ(page()["millpool_rejections_total{pool=\"test\",reason=\"closed\"}"], 1);
}

TEST_F(Metrics, TellWhyTheNumberOfWorkersChanged) {
  pool_options chosen = options(1);
  chosen.max_workers = 4;
  chosen.scaling.queue_depth_threshold = 1;
  chosen.scaling.decide = [](const scaling_inputs& seen) {
    return scaling_decision{seen.workers, seen.max_workers, "by the test", seen};
  };
  worker_pool pool{chosen};
  { const test::occupation busy{pool, 4}; }
  const auto seen = page();
  EXPECT_GE(seen["millpool_scale_events_total{pool=\"test\",direction=\"up\",reason=\"by the "
                 "test\"}"],
            1);
  EXPECT_EQ(seen["millpool_threads_started_total{pool=\"test\"}"], 4);
  EXPECT_GE(seen["millpool_parks_total{pool=\"test\"}"], 0);
}

TEST_F(Metrics, TellPoolsOfOneNameApart) {
  auto first = std::make_unique<worker_pool>(options());
  auto second = std::make_unique<worker_pool>(options());
  const worker_pool third{options()};
  EXPECT_THAT(names(), ElementsAre("test", "test#2", "test#3"));
  second.reset();
  EXPECT_THAT(names(), ElementsAre("test", "test#3"));
  second = std::make_unique<worker_pool>(options());
  EXPECT_THAT(names(), ElementsAre("test", "test#3", "test#2"));
  EXPECT_EQ(page()["millpool_workers_max{pool=\"test#3\"}"], 2);
}

TEST_F(Metrics, AreRightInEitherFormatWhateverNamesHold) {
  pool_options chosen = options();
  chosen.name = "a \"b\"\\\n\xFF";
  worker_pool pool{chosen};
  const auto odd = pool.add_class({.name = "{c=\"d\"} 1"});
  pool.submit({.task_class = odd}, [] {}).get();
  for (const auto format : {metrics_format::prometheus, metrics_format::openmetrics}) {
    const std::string text = metrics_page(format);
    const test::metrics_page_reader seen{text};
    EXPECT_GT(seen.all().size(), 100U);
    EXPECT_TRUE(seen.has_family("process_threads"));
    EXPECT_THAT(text,
                ::testing::HasSubstr("pool=\"a \\\"b\\\"\\\\\\n\xEF\xBF\xBD\",class=\"{c=\\\""));
  }
}

TEST_F(Metrics, OfNoPoolAreThoseOfTheProcess) {
  const auto seen = page();
  EXPECT_TRUE(seen.has_family("process_cpu_seconds_total"));
  EXPECT_TRUE(seen.has_family("millpool_tasks_total"));
  EXPECT_EQ(seen.all().count("millpool_tasks_total"), 0U);
}

TEST_F(Metrics, OfAChildOfThisProcessAreItsOwn) {
  const worker_pool pool{options()};
  const pid_t child = ::fork();
  if (child == 0) {
    if (!stats_of_all_pools().empty()) ::_exit(1);
    pool_options without_a_thread = options();
    without_a_thread.min_workers = 0;
    const worker_pool own{without_a_thread};
    ::_exit(stats_of_all_pools().size() == 1 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Metrics, HintAtTheReplicasThatTheLoadNeeds) {
  pool_stats of;
  of.max_workers = 10;
  EXPECT_EQ(desired_replicas_hint(of), 0.0);
  of.workers.running = 4;
  of.workers.blocked = 4;
  EXPECT_DOUBLE_EQ(desired_replicas_hint(of), 1.0);
  histogram runs;
  runs.record(1s);
  of.run = runs.snapshot();
  of.tasks.waiting = 240;  // 24 workers for ten seconds
  EXPECT_DOUBLE_EQ(desired_replicas_hint(of), 4.0);
  of.workers.running = 50;  // with those that stand in for others
  EXPECT_DOUBLE_EQ(desired_replicas_hint(of), 4.25);
}

// While tasks end, workers come and go, and threads read: what only counts never goes back.
TEST_F(Metrics, Stress_CountersNeverGoBack) {
  pool_options chosen = options(2);
  chosen.time = &steady();
  worker_pool pool{chosen};
  const auto mails = pool.add_class({.name = "mails"});
  std::atomic<bool> over{false};
  const int each = test::scaled(20'000);
  test::run_together(3, [&](int who) {
    std::mt19937 random{static_cast<unsigned>(who)};
    if (who == 0) {
      std::map<std::string, double> last;
      do {
        const auto seen = page();
        for (const auto& [series, value] : last) {
          const bool counts = series.find("_total") != std::string::npos ||
                              series.find("_bucket") != std::string::npos ||
                              series.find("_count") != std::string::npos;
          if (!counts || series.starts_with("process")) continue;
          EXPECT_GE(seen[series], value) << series;
        }
        last = seen.all();
      } while (!over);
      return;
    }
    for (int i = 0; i < each; ++i) {
      const bool bad = random() % 8 == 0;
      pool.post({.priority = static_cast<unsigned>(random() % 3),
                 .task_class = random() % 2 == 0 ? mails : task_class{}},
                [bad] {
                  if (bad) throw std::runtime_error{"no"};
                });
      if (who == 1 && random() % 64 == 0) {
        const std::size_t workers = 1 + random() % 4;
        pool.resize(workers, workers);
      }
    }
    if (who == 1) over = true;
  });
  pool.wait_idle();
  const pool_stats now = pool.stats();
  EXPECT_TRUE(now.tasks.balanced());
  EXPECT_EQ(now.tasks.accepted, 2U * static_cast<unsigned>(each));
}

TEST_F(Metrics, Stress_OfPoolsThatComeAndGo) {
  std::atomic<int> makers{2};
  test::run_together(3, [&](int who) {
    if (who == 0) {
      while (makers > 0) (void)page();
      return;
    }
    for (int i = 0; i < test::scaled(200); ++i) {
      manual_clock its_own;  // gone right after the pool
      pool_options chosen = test::sized(1);
      chosen.time = &its_own;
      worker_pool pool{chosen};
      pool.post([] {});
    }
    --makers;
  });
  EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace millpool
