// The scaler beside a pool that is simulated: hours of load in a second, the same each time.
#include "millpool/policy/scaler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A queue before some workers, that asks the scaler as worker_limit does. Tasks take as long as
// `service` says for so many at work.
class simulated_pool {
 public:
  struct change {
    duration when;
    std::size_t from;
    std::size_t to;
    std::string rule;
  };

  simulated_pool(const scaling_policy& policy, std::size_t minimum, std::size_t maximum,
                 std::function<duration(std::size_t)> service)
      : policy_{policy},
        scaler_{policy},
        minimum_{minimum},
        maximum_{maximum},
        limit_{std::max<std::size_t>(minimum, 1)},
        service_{std::move(service)} {
    idle_since_.assign(limit_, now_);
  }

  // Runs until `end`. \param  pause  until the next arrival, asked again and again; max: none.
  void run(duration end, const std::function<duration()>& pause) {
    at(
        now_ + pause(), [this, &pause] { arrive(pause); }, arrivals);
    while (!events_.empty() && events_.begin()->first.first <= end) {
      auto next = events_.extract(events_.begin());
      now_ = next.key().first;
      next.mapped().second();
    }
    std::erase_if(events_, [](const auto& each) { return each.second.first == arrivals; });
    now_ = end;
  }

  [[nodiscard]] std::size_t workers() const { return limit_; }
  [[nodiscard]] const std::vector<change>& changes() const { return changes_; }
  [[nodiscard]] std::uint64_t completed() const { return completed_; }
  // Of what `service` says the task takes so much, and what is left the way to the next one.
  void tasks_take(duration of_each) { in_task_ = of_each; }
  double cpu_a_worker = 0.0;  // processors that a worker at work uses
  double cpus = 1e9;

  // How often it went the other way, since `from`.
  [[nodiscard]] int reversals(duration from) const {
    int count = 0;
    int last = 0;
    for (const change& each : changes_) {
      const int way = each.to > each.from ? 1 : -1;
      if (each.when >= from && last != 0 && way != last) ++count;
      last = way;
    }
    return count;
  }

 private:
  enum kind { arrivals, others };
  void at(duration when, std::function<void()> what, kind of = others) {
    events_.emplace(std::pair{when, number_++}, std::pair{of, std::move(what)});
  }

  void arrive(const std::function<duration()>& pause) {
    ++arrived_;
    waiting_.push_back(now_);
    serve();
    if (!waiting_.empty()) found_all_at_work();
    const duration until = pause();
    if (until < duration::max())
      at(
          now_ + until, [this, &pause] { arrive(pause); }, arrivals);
  }

  void serve() {
    while (!waiting_.empty() && !idle_since_.empty()) {
      idle_since_.pop_back();  // the last to come is the first to be woken
      waiting_.pop_front();
      ++at_work_;
      const duration takes = service_(at_work_);
      const duration in_task = in_task_.value_or(takes);
      at(now_ + takes, [this, in_task] { complete(in_task); });
    }
  }

  void complete(duration took) {
    --at_work_;
    ran_ += took;
    ++completed_;
    if (at_work_ + idle_since_.size() < limit_) idle_since_.push_back(now_);
    serve();
    if (idle_since_.empty()) return;
    at(now_ + seconds{60}, [this] { look_for_idlers(); });
  }

  void found_all_at_work() {
    if (stepping_) return;
    if (waiting_.size() >= policy_.queue_depth_threshold) {
      ask(scaling_event::backlog);
    } else if (!watching_) {
      watching_ = true;
      at(waiting_.front() + policy_.target_queue_wait, [this] { ring(); });
    }
  }

  void ring() {
    if (stepping_) return;
    watching_ = false;
    if (waiting_.empty() || !idle_since_.empty()) return;
    if (now_ - waiting_.front() >= policy_.target_queue_wait) {
      ask(scaling_event::wait);
    } else {
      found_all_at_work();
    }
  }

  void step() {
    stepping_ = false;
    if (!waiting_.empty() && idle_since_.empty()) ask(scaling_event::step);
  }

  void look_for_idlers() {
    if (idle_since_.empty() || now_ - idle_since_.front() < seconds{60}) return;
    const std::size_t before = limit_;
    ask(scaling_event::idle);
    if (limit_ < before) {
      idle_since_.erase(idle_since_.begin());
    } else {
      idle_since_.front() = now_;
    }
    at(now_ + seconds{60}, [this] { look_for_idlers(); });
  }

  void ask(scaling_event event) {
    const duration elapsed = now_ - last_.when;
    const double busy = in_task_ && at_work_ > 0
                            ? std::chrono::duration<double>(*in_task_) / service_(at_work_)
                            : 1.0;
    const double used = std::min(cpus, cpu_a_worker * static_cast<double>(at_work_));
    const scaling_inputs in{
        .event = event,
        .now = time_point{} + now_,
        .workers = limit_,
        .min_workers = minimum_,
        .max_workers = maximum_,
        .in_tasks = static_cast<std::size_t>(std::round(busy * static_cast<double>(at_work_))),
        .waiting = waiting_.size(),
        .oldest_wait = waiting_.empty() ? duration{} : now_ - waiting_.front(),
        .elapsed = elapsed,
        .arrived = arrived_ - last_.arrived,
        .completed = completed_ - last_.completed,
        .ran = ran_ - last_.ran,
        .cpus_in_use = used};
    last_ = {now_, arrived_, completed_, ran_};
    const scaling_decision decided = scaler_.decide(in);
    EXPECT_LE(decided.to, maximum_);
    EXPECT_GE(decided.to, minimum_);
    EXPECT_LE(decided.to, std::max<std::size_t>(2, 2 * decided.from)) << "more than doubled";
    if (decided.to != decided.from) {
      changes_.push_back({now_, decided.from, decided.to, std::string{decided.rule}});
    }
    if (event != scaling_event::idle) {
      stepping_ = true;
      at(now_ + policy_.interval, [this] { step(); });
      while (at_work_ + idle_since_.size() < decided.to) idle_since_.push_back(now_);
    }
    limit_ = decided.to;
    serve();
  }

  const scaling_policy policy_;
  scaler scaler_;
  const std::size_t minimum_;
  const std::size_t maximum_;
  std::size_t limit_;
  const std::function<duration(std::size_t)> service_;
  std::optional<duration> in_task_;
  duration now_{};
  std::uint64_t number_ = 0;
  std::map<std::pair<duration, std::uint64_t>, std::pair<kind, std::function<void()>>> events_;
  std::deque<duration> waiting_;
  std::vector<duration> idle_since_;  // a stack
  std::size_t at_work_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t completed_ = 0;
  duration ran_{};
  bool watching_ = false;
  bool stepping_ = false;
  struct {
    duration when{};
    std::uint64_t arrived = 0;
    std::uint64_t completed = 0;
    duration ran{};
  } last_;
  std::vector<change> changes_;
};

std::function<duration(std::size_t)> always(duration service) {
  return [service](std::size_t) { return service; };
}

class random_pauses {
 public:
  explicit random_pauses(double per_second) : between_{per_second} {}
  duration operator()() {
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(between_(engine_)));
  }

 private:
  std::mt19937_64 engine_{20'260'101};
  std::exponential_distribution<double> between_;
};

std::function<duration()> burst_of(int tasks) {
  return [left = tasks]() mutable { return left-- > 0 ? duration{0} : duration::max(); };
}

scaling_policy policy() { return {.cpus = 1000.0}; }

TEST(Scaler, ABurstHasItsFirstNewWorkerAtOnceAndAllWithinATenthOfASecond) {
  for (const duration service :
       {duration{milliseconds{1}}, duration{milliseconds{20}}, duration{seconds{1}}}) {
    simulated_pool pool{policy(), 1, 64, always(service)};
    pool.run(milliseconds{100}, burst_of(100'000));
    ASSERT_FALSE(pool.changes().empty());
    EXPECT_EQ(pool.changes().front().when, duration{0});
    EXPECT_EQ(pool.workers(), 64U) << service.count();
  }
}

TEST(Scaler, AFewTasksThatWaitTooLongBringAFewWorkers) {
  simulated_pool pool{policy(), 1, 64, always(milliseconds{100})};
  pool.run(seconds{1}, burst_of(4));  // fewer than the threshold: it is the wait that tells
  ASSERT_FALSE(pool.changes().empty());
  EXPECT_EQ(pool.changes().front().when, milliseconds{5});
  EXPECT_LE(pool.workers(), 4U);
  EXPECT_EQ(pool.completed(), 4U);
}

TEST(Scaler, ASteadyLoadHasNoReversalInAnHour) {
  for (const double load : {0.5, 3.0, 10.0}) {  // workers' worth
    for (const duration service : {milliseconds{10}, milliseconds{50}}) {
      simulated_pool pool{policy(), 1, 64, always(service)};
      pool.run(hours{2}, random_pauses{load / std::chrono::duration<double>(service).count()});
      // The beginning is a step: one that leaves after it may be wanted again, once.
      EXPECT_LE(pool.reversals(duration{0}), 2) << load;
      EXPECT_EQ(pool.reversals(hours{1}), 0) << load;
      EXPECT_GE(static_cast<double>(pool.workers()), load);
      EXPECT_LE(static_cast<double>(pool.workers()), 3 * load + 6) << load;
    }
  }
}

TEST(Scaler, ALoadThatChangesBringsAtMostOneReversalEachTime) {
  simulated_pool pool{policy(), 1, 64, always(milliseconds{50})};
  duration end{};
  int before = 0;
  for (const double load : {2.0, 20.0, 5.0, 40.0, 1.0}) {
    end += minutes{30};
    pool.run(end, random_pauses{load / 0.050});
    const int now = pool.reversals(duration{0});
    EXPECT_LE(now - before, 2) << load;  // one for the step itself
    before = now;
  }
}

TEST(Scaler, WorkersThatBringNothingLeaveAgainAndDoNotComeBack) {
  // Sixteen get on, as before a database of sixteen connections; the others wait for them.
  const auto service = [](std::size_t at_work) {
    return milliseconds{5} * static_cast<std::int64_t>(std::max<std::size_t>(at_work, 16)) / 16;
  };
  simulated_pool pool{policy(), 1, 256, service};
  pool.run(minutes{5}, random_pauses{10'000});  // three times what is possible
  EXPECT_GE(pool.workers(), 16U);
  EXPECT_LE(pool.workers(), 32U);
  EXPECT_LE(pool.reversals(duration{0}), 1);
}

// Sixteen find their next task at once; of more, each waits for the others before it has one.
TEST(Scaler, WorkersThatWaitForEachOtherGetNoMore) {
  const auto service = [](std::size_t at_work) {
    return milliseconds{5} * static_cast<std::int64_t>(std::max<std::size_t>(at_work, 16)) / 16;
  };
  scaling_policy four = policy();
  four.cpus = 4.0;
  simulated_pool pool{four, 1, 256, service};
  pool.tasks_take(milliseconds{5});
  pool.run(minutes{5}, random_pauses{10'000});
  EXPECT_GE(pool.workers(), 16U);
  EXPECT_LE(pool.workers(), 32U);
  EXPECT_EQ(pool.reversals(duration{0}), 0);
}

// As many as there are processors have just been woken: not all of them are in their tasks yet.
TEST(Scaler, WorkersThatAreOnTheirWayToATaskAreNotCrowded) {
  scaling_policy two = policy();
  two.cpus = 2.0;
  scaler decides{two};
  scaling_inputs in{.event = scaling_event::backlog,
                    .now = time_point{seconds{1}},
                    .workers = 2,
                    .min_workers = 1,
                    .max_workers = 64,
                    .in_tasks = 1,
                    .waiting = 62,
                    .oldest_wait = {},
                    .elapsed = {},
                    .arrived = 0,
                    .completed = 0,
                    .ran = {},
                    .cpus_in_use = 0.0};
  EXPECT_EQ(decides.decide(in).to, 4U);
  in.event = scaling_event::step;
  in.workers = 4;
  in.in_tasks = 4;
  in.elapsed = milliseconds{10};
  EXPECT_GT(decides.decide(in).to, 4U);
}

// What is measured in one step may be due to something else that the machine did.
TEST(Scaler, AStepThatIsDisturbedIsNoKnee) {
  scaler decides{policy()};
  scaling_inputs in{.event = scaling_event::step,
                    .now = time_point{seconds{1}},
                    .workers = 16,
                    .min_workers = 1,
                    .max_workers = 64,
                    .in_tasks = 16,
                    .waiting = 4000,
                    .oldest_wait = milliseconds{7},
                    .elapsed = milliseconds{10},
                    .arrived = 1000,
                    .completed = 160,
                    .ran = milliseconds{160},
                    .cpus_in_use = 0.0};
  EXPECT_EQ(decides.decide(in).to, 32U);
  in.workers = 32;
  in.completed = 160;
  in.ran = milliseconds{320};
  EXPECT_EQ(decides.decide(in).to, 32U);
  in.completed = 320;
  EXPECT_EQ(decides.decide(in).to, 64U);
}

TEST(Scaler, WhereNoProcessorIsLeftThereAreNoMoreWorkers) {
  scaling_policy two = policy();
  two.cpus = 2.0;
  simulated_pool pool{two, 1, 64, always(milliseconds{5})};
  pool.cpu_a_worker = 1.0;
  pool.cpus = 2.0;
  pool.run(seconds{10}, random_pauses{10'000});
  EXPECT_EQ(pool.workers(), 2U);
}

TEST(Scaler, TasksThatHardlyComputeGetWorkersBeyondTheProcessors) {
  scaling_policy two = policy();
  two.cpus = 2.0;
  simulated_pool pool{two, 1, 64, always(milliseconds{5})};
  pool.cpu_a_worker = 0.01;
  pool.cpus = 2.0;
  pool.run(seconds{10}, random_pauses{10'000});
  EXPECT_EQ(pool.workers(), 64U);
}

// 50 at work use up two processors: a step from 32 would be one to 64.
TEST(Scaler, AddsNoMoreWorkersThanTheProcessorsFeed) {
  scaling_policy two = policy();
  two.cpus = 2.0;
  simulated_pool pool{two, 1, 64, always(milliseconds{5})};
  pool.cpu_a_worker = 0.04;
  pool.cpus = 2.0;
  pool.run(seconds{10}, random_pauses{20'000});
  EXPECT_GE(pool.workers(), 45U);
  EXPECT_LE(pool.workers(), 50U);
}

TEST(Scaler, NamesTheRuleAndKeepsWhatItKnew) {
  scaler decides{policy()};
  const scaling_inputs in{.event = scaling_event::backlog,
                          .now = time_point{},
                          .workers = 3,
                          .min_workers = 1,
                          .max_workers = 64,
                          .in_tasks = 3,
                          .waiting = 100,
                          .oldest_wait = milliseconds{7},
                          .elapsed = {},
                          .arrived = 0,
                          .completed = 0,
                          .ran = {},
                          .cpus_in_use = 0.0};
  const scaling_decision decided = decides.decide(in);
  EXPECT_EQ(decided.from, 3U);
  EXPECT_EQ(decided.to, 6U);
  EXPECT_EQ(decided.rule, "first");
  EXPECT_EQ(decided.inputs.waiting, 100U);
  EXPECT_EQ(decided.inputs.oldest_wait, milliseconds{7});
}

TEST(Scaler, RefusesOptionsThatMeanNothingByNameAndValue) {
  const auto refused = [](const scaling_policy& bad) -> std::string {
    try {
      scaler made{bad};
      return "accepted";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused({.scale_up_factor = 1.0}),
            "scaling_policy.scale_up_factor = 1: must be above 1 and finite");
  EXPECT_EQ(refused({.drain_backlog_in = duration{0}}),
            "scaling_policy.drain_backlog_in = 0: must be above 0 ns");
  EXPECT_EQ(refused({.cooldown = duration{-1}}),
            "scaling_policy.cooldown = -1: must not be negative, in ns");
  EXPECT_EQ(refused({.worth_it = std::numeric_limits<double>::quiet_NaN()}),
            "scaling_policy.worth_it = nan: must be from 0 to 1");
  EXPECT_EQ(refused({.cpus = 0.0}), "scaling_policy.cpus = 0: must be above 0 and finite");
}

}  // namespace
}  // namespace millpool
