// A task works for the trace that its submitter works for, and pool_options::on_span hears of it.
#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/join.hpp"
#include "millpool/pool/processor.hpp"
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "millpool/telemetry/trace_context.hpp"
#include "tests/support/pool_fixture.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

std::string trace_here() {
  const trace_context* const here = trace_context::current();
  return here != nullptr ? here->traceparent() : "none";
}

// What a hook is told, kept.
struct kept_span {
  explicit kept_span(const span_info& of)
      : kind{of.kind},
        trace{of.context.trace_id_text()},
        id{of.context.span_id},
        parent{of.parent},
        task_class{of.task_class},
        priority{of.priority},
        attempt{of.attempt},
        start{of.start},
        end{of.end},
        refused{of.refused},
        state{of.state},
        error{of.error} {}
  span_kind kind;
  std::string trace;
  std::array<std::uint8_t, 8> id;
  std::array<std::uint8_t, 8> parent;
  std::string task_class;
  unsigned priority;
  unsigned attempt;
  time_point start;
  time_point end;
  std::optional<submit_errc> refused;
  std::optional<task_state> state;
  std::string error;
};

class span_log {
 public:
  [[nodiscard]] pool_options watch(pool_options options) {
    options.on_span = [this](const span_info& span) {
      EXPECT_EQ(span.pool, "test");
      const std::lock_guard lock{mutex_};
      spans_.emplace_back(span);
    };
    return options;
  }
  [[nodiscard]] std::vector<kept_span> of(span_kind kind) const {
    const std::lock_guard lock{mutex_};
    std::vector<kept_span> out;
    std::ranges::copy_if(spans_, std::back_inserter(out),
                         [&](const kept_span& each) { return each.kind == kind; });
    return out;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return spans_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<kept_span> spans_;
};

using Tracing = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Tracing);

TEST_P(Tracing, ATaskWorksForWhatItsSubmitterWorksFor) {
  worker_pool pool{options()};
  const trace_context trace = trace_context::start();
  {
    const trace_scope here{&trace};
    EXPECT_EQ(pool.submit(trace_here).get(), trace.traceparent());
    EXPECT_EQ(pool.submit({.priority = 1}, trace_here).get(), trace.traceparent());
    EXPECT_EQ(pool.submit_after(0s, trace_here).get(), trace.traceparent());
    std::atomic<int> right{0};
    const auto look = [&right, &trace] { right += trace_here() == trace.traceparent() ? 1 : 0; };
    pool.post(look);
    (void)pool.try_post([look, cargo = new_payload()] { look(); });
    EXPECT_EQ(pool.post_bulk(std::vector(3, look)), 3U);
    task_group group{pool};
    (void)group.run(look);
    group.wait();
    result_channel<std::string> results{1};
    (void)results.submit(pool, trace_here);
    EXPECT_EQ(results.pop()->value(), trace.traceparent());
    pool.wait_idle();
    // Where the channel is full the try may be refused.
    const auto refused = pool.stats().refused[static_cast<std::size_t>(submit_errc::full)];
    EXPECT_EQ(right, 6 - static_cast<int>(refused));
  }
  EXPECT_EQ(pool.submit(trace_here).get(), "none");
}

TEST_P(Tracing, WhatATaskSubmitsWorksForTheSame) {
  worker_pool pool{options()};
  const trace_context trace = trace_context::start();
  std::atomic<int> right{0};
  const std::function<void(int)> spread = [&](int depth) {
    if (trace_here() == trace.traceparent()) ++right;
    if (depth == 0) return;
    pool.post([&, depth] { spread(depth - 1); });
    pool.post([&, depth, cargo = new_payload()] { spread(depth - 1); });
  };
  {
    const trace_scope here{&trace};
    pool.post([&] { spread(8); });
  }
  pool.wait_idle();
  EXPECT_EQ(right, 511);
}

TEST_P(Tracing, ATaskThatRunsInsideAnotherHasNothingOfItsTrace) {
  worker_pool pool{options()};
  const trace_context trace = trace_context::start();
  std::atomic<int> others{0};
  const auto another = [&] {
    if (trace_here() == "none") ++others;
  };
  const trace_scope here{&trace};
  pool.submit([&] {
        {
          const trace_scope nothing{nullptr};
          for (int i = 0; i < 100; ++i) pool.post(another);
        }
        pool.wait_idle();  // it runs them meanwhile, if nobody else does
        EXPECT_EQ(trace_here(), trace.traceparent());
      })
      .get();
  EXPECT_EQ(others, 100);
}

TEST_P(Tracing, BothHalvesOfAJoinWorkForTheSame) {
  worker_pool pool{options()};
  const trace_context trace = trace_context::start();
  std::atomic<int> wrong{0};
  const std::function<void(int)> tree = [&](int depth) {
    if (trace_here() != trace.traceparent()) ++wrong;
    if (depth > 0)
      join(
          pool, [&] { tree(depth - 1); }, [&] { tree(depth - 1); });
  };
  const trace_scope here{&trace};
  pool.submit([&] { tree(10); }).get();
  EXPECT_EQ(wrong, 0);
}

TEST_P(Tracing, APurgedTaskWorksForTheSame) {
  span_log spans;
  worker_pool pool{spans.watch(options())};
  const trace_context trace = trace_context::start();
  pool.pause();
  auto out = [&] {
    const trace_scope here{&trace};
    return pool.submit([] { return trace_context::current()->trace_id_text(); });
  }();
  auto purged = pool.purge();
  ASSERT_EQ(purged.size(), 1U);
  purged.front()();
  EXPECT_EQ(out.get(), trace.trace_id_text());
  ASSERT_EQ(spans.of(span_kind::wait).size(), 1U);
  EXPECT_EQ(spans.of(span_kind::wait).front().state, task_state::discarded);
  EXPECT_TRUE(spans.of(span_kind::run).empty());
}

TEST_P(Tracing, TheHookHearsOfEachPartOnce) {
  span_log spans;
  manual_clock time;
  pool_options chosen = spans.watch(options());
  chosen.time = &time;
  worker_pool pool{chosen};
  const task_class cards = pool.add_class({.name = "cards", .priority = 2});
  const trace_context trace = trace_context::start();
  pool.pause();
  const time_point submitted = time.now();
  auto out = [&] {
    const trace_scope here{&trace};
    return pool.submit({.attempt = 3, .task_class = cards}, [&] {
      time.advance(5ms);
      return trace_here();
    });
  }();
  time.advance(2ms);
  pool.resume();
  const std::string inside = out.get();
  pool.wait_idle();

  const auto submit = spans.of(span_kind::submit);
  const auto wait = spans.of(span_kind::wait);
  const auto run = spans.of(span_kind::run);
  ASSERT_EQ(submit.size(), 1U);
  ASSERT_EQ(wait.size(), 1U);
  ASSERT_EQ(run.size(), 1U);
  for (const auto* const each : {&submit[0], &wait[0], &run[0]}) {
    EXPECT_EQ(each->trace, trace.trace_id_text());
    EXPECT_EQ(each->task_class, "cards");
    EXPECT_EQ(each->priority, 2U);
    EXPECT_EQ(each->attempt, 3U);
    EXPECT_EQ(each->error, "");
    EXPECT_FALSE(each->refused);
  }
  EXPECT_EQ(submit[0].parent, trace.span_id);
  EXPECT_EQ(wait[0].parent, submit[0].id);
  EXPECT_EQ(run[0].parent, submit[0].id);
  EXPECT_NE(wait[0].id, run[0].id);
  EXPECT_EQ(submit[0].start, submitted);
  EXPECT_EQ(submit[0].end, submitted);
  EXPECT_EQ(wait[0].start, submitted);
  EXPECT_EQ(wait[0].end, submitted + 2ms);
  EXPECT_EQ(run[0].start, submitted + 2ms);
  EXPECT_EQ(run[0].end, submitted + 7ms);
  EXPECT_FALSE(wait[0].state);
  EXPECT_EQ(run[0].state, task_state::succeeded);
  trace_context in_run = trace;
  in_run.span_id = run[0].id;
  EXPECT_EQ(inside, in_run.traceparent());
}

TEST_P(Tracing, TheHookHearsOfEachTaskOfARange) {
  span_log spans;
  worker_pool pool{spans.watch(options())};
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  EXPECT_EQ(pool.post_bulk(std::vector<void (*)()>(50, [] {})), 50U);
  pool.wait_idle();
  EXPECT_EQ(spans.of(span_kind::submit).size(), 50U);
  EXPECT_EQ(spans.of(span_kind::wait).size(), 50U);
  EXPECT_EQ(spans.of(span_kind::run).size(), 50U);
}

TEST_P(Tracing, TheHookHearsHowATaskFailed) {
  span_log spans;
  worker_pool pool{spans.watch(options())};
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  EXPECT_THROW(pool.submit([] { throw std::runtime_error{"no such card"}; }).get(),
               std::runtime_error);
  EXPECT_THROW(pool.submit([] { throw 1; }).get(), int);
  pool.wait_idle();
  const auto run = spans.of(span_kind::run);
  ASSERT_EQ(run.size(), 2U);
  EXPECT_EQ(run[0].state, task_state::failed);
  EXPECT_EQ(run[0].error, "no such card");
  EXPECT_EQ(run[1].state, task_state::failed);
  EXPECT_EQ(run[1].error, "");
}

TEST_P(Tracing, TheHookHearsOfARefusal) {
  span_log spans;
  worker_pool pool{spans.watch(options())};
  pool.close();
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  EXPECT_EQ(pool.post([] {}).error(), submit_errc::closed);
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans.of(span_kind::submit).front().refused, submit_errc::closed);
}

TEST_P(Tracing, TheHookHearsOfWhatNeverRan) {
  span_log spans;
  worker_pool pool{spans.watch(options())};
  const trace_context trace = trace_context::start();
  pool.pause();
  std::stop_source stop;
  {
    const trace_scope here{&trace};
    pool.post({.stop_token = stop.get_token()}, [] {});
  }
  stop.request_stop();
  pool.resume();
  pool.wait_idle();
  ASSERT_EQ(spans.of(span_kind::wait).size(), 1U);
  EXPECT_EQ(spans.of(span_kind::wait).front().state, task_state::cancelled);
  EXPECT_TRUE(spans.of(span_kind::run).empty());
}

TEST_P(Tracing, TheHookHearsNothingOfWhatIsNotSampled) {
  span_log spans;
  worker_pool pool{spans.watch(options())};
  pool.submit([] {}).get();
  const trace_context trace = trace_context::start(0.0);
  const trace_scope here{&trace};
  EXPECT_EQ(pool.submit(trace_here).get(), trace.traceparent());
  EXPECT_EQ(spans.size(), 0U);
}

// Who happens to end a task, or to submit, has nothing to do with what waits for its result.
TEST_P(Tracing, AContinuationWorksForNone) {
  pool_options chosen = options();
  chosen.queue_capacity = 1;
  chosen.when_full = full_policy::discard_oldest;
  worker_pool pool{chosen};
  const trace_context trace = trace_context::start();
  pool.pause();
  auto displaced = pool.submit([] {}).then([](future<void>) { return trace_here(); });
  const trace_scope here{&trace};
  auto traced = pool.submit([] {}).then([](future<void>) { return trace_here(); });
  pool.resume();
  EXPECT_EQ(displaced.get(), "none");
  EXPECT_EQ(traced.get(), "none");
}

TEST_P(Tracing, AProcessorsTasksWorkForTheTraceOfWhoPushes) {
  processor<int, std::string> looks{[](int) { return trace_here(); },
                                    {.pool = options(), .result_capacity = 4}};
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  EXPECT_TRUE(looks.push(1));
  looks.close();
  for (auto& each : looks.results()) EXPECT_EQ(each.value(), trace.traceparent());
}

// Spans are told before a result is seen; and of each task all, whatever becomes of it.
TEST_P(Tracing, AllEndOnceUnderLoad) {
  span_log spans;
  {
    worker_pool pool{spans.watch(options())};
    const trace_context trace = trace_context::start();
    const trace_scope here{&trace};
    for (int i = 0; i < 500; ++i) {
      pool.post({.timeout = 1h}, [&pool, i] {
        if (i % 5 == 0) pool.post([] {});
        if (i % 7 == 0) throw std::runtime_error{"seven"};
      });
    }
    pool.wait_idle();
    pool.submit([] {}).get();
    EXPECT_EQ(spans.of(span_kind::submit).size(), 601U);
  }
  EXPECT_EQ(spans.of(span_kind::wait).size(), 601U);
  EXPECT_EQ(spans.of(span_kind::run).size(), 601U);
}

}  // namespace
}  // namespace millpool
