// Ten million tasks through pools of every shape, with everything happening at once: does each
// accepted task still end exactly once?
//
// A round makes a pool of random size, capacity and policy. Producers submit by every way there is;
// tasks throw, wait for each other and submit more; meanwhile an operator resizes, pauses, purges
// and watches; then the pool is shut down in one of several ways, at any moment. Both sides count:
// the pool in its ledger, the test by what it saw. The two accounts must agree (promise P1).
//
// MILLPOOL_STRESS_TASKS and MILLPOOL_STRESS_SEED choose how many and which.
#include "millpool/millpool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace millpool {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t default_tasks = 500'000;
#else
constexpr std::uint64_t default_tasks = 10'000'000;
#endif

/// What the test itself sees of one round's tasks.
struct account {
  std::atomic<std::uint64_t> accepted{0};  // submissions that were not refused
  std::atomic<std::uint64_t> bodies{0};    // callables alive
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> returned{0};
  std::atomic<std::uint64_t> threw{0};
  std::atomic<std::uint64_t> stopped{0};    // threw task_stopped
  std::atomic<std::uint64_t> unhandled{0};  // what on_unhandled was told
  std::atomic<std::uint64_t> purged{0};
};

/// Counts the callables that exist: copies of a task that are still somewhere when all is over
/// leak.
class alive {
 public:
  explicit alive(account& of) noexcept : of_{&of} { ++of_->bodies; }
  alive(alive&& other) noexcept : of_{other.of_} { ++of_->bodies; }
  alive& operator=(alive&&) = delete;
  ~alive() { --of_->bodies; }

 private:
  account* of_;
};

class round {
 public:
  explicit round(std::uint64_t seed) : random_{seed} {}

  /// \return how many tasks were accepted.
  std::uint64_t play(std::uint64_t tasks_wanted) {
    pool_options options;
    options.name = "stress";
    options.max_workers = pick(1, 8);
    options.min_workers = pick(0, *options.max_workers);
    options.queue_capacity = chance(4) ? 1 : pick(1, chance(2) ? 8 : 2048);
    options.when_full = static_cast<full_policy>(pick(0, 6));
    options.block_for = std::chrono::microseconds{pick(0, 200)};
    options.keep_alive = std::chrono::microseconds{pick(0, 500)};
    options.aging = {std::chrono::microseconds{pick(0, 100)},
                     static_cast<std::uint32_t>(pick(1, 8))};
    options.on_unhandled = [this](const std::exception_ptr&, const unhandled_info&) {
      ++seen_.unhandled;
    };
    pool_.emplace(options);
    classes_ = {pool_->add_class({.name = "a", .priority = 1}),
                pool_->add_class({.name = "b", .timeout = std::chrono::microseconds{1}})};

    const bool early_end = chance(2);
    {
      std::vector<std::jthread> producers;
      const std::size_t count = pick(1, 3);
      producing_ = count;
      for (std::size_t i = 0; i < count; ++i) {
        producers.emplace_back([this, seed = random_(), each = tasks_wanted / count] {
          produce(seed, each);
          --producing_;
        });
      }
      const std::jthread operating{
          [this, seed = random_()](const std::stop_token& stop) { operate(seed, stop); }};
      if (early_end) {
        while (seen_.accepted < tasks_wanted / 2 && producing_ > 0) std::this_thread::yield();
        end();
      }
      for (auto& each : producers) each.join();
    }
    end();
    check();
    pool_.reset();
    return seen_.accepted;
  }

 private:
  std::uint64_t pick(std::uint64_t from, std::uint64_t to) {
    return std::uniform_int_distribution<std::uint64_t>{from, to}(random_);
  }
  bool chance(std::uint64_t one_in) { return pick(1, one_in) == 1; }

  // What a task does is drawn when it is made.
  struct job {
    round* self;
    std::uint64_t draw;
    alive life;

    void operator()(task_context& context) { self->run(draw, context); }
  };
  // A task that submits the next one, so deep that a full pool has to put it off.
  struct link {
    round* self;
    int left;
    alive life;

    void operator()() {
      ++self->seen_.started;
      for (int i = 0; i < 2 && left > 0; ++i) {
        const int rest = i == 0 ? left - 1 : 0;
        self->note(self->pool_->post(link{self, rest, alive{self->seen_}}));
      }
      ++self->seen_.returned;
    }
  };
  job make_task(std::uint64_t draw) { return {this, draw, alive{seen_}}; }
  job make_leaf() { return make_task(63); }

  void run(std::uint64_t draw, task_context& context) {
    ++seen_.started;
    switch (draw % 64) {
      case 0:
        ++seen_.threw;
        throw std::runtime_error{"on purpose"};
      case 1:
        ++seen_.stopped;
        throw task_stopped{};
      case 2:
        (void)context.stop_requested();
        break;
      case 3:
        submit_and_wait();
        break;
      case 4:
        std::this_thread::yield();
        break;
      case 5:
        note(pool_->post(make_leaf()));
        break;
      case 6:
        fork_and_join(draw);
        break;
      case 7:
        if (draw >> 8 & 1) note(pool_->post(link{this, 20, alive{seen_}}));
        break;
      case 8:
        for (std::uint64_t i = draw >> 8 & 31; i > 0; --i) note(pool_->post(make_leaf()));
        break;
      case 9:
        join_halves(static_cast<int>(draw >> 8 & 7));
        break;
      default:
        break;
    }
    ++seen_.returned;
  }

  template <class Accepted>
  void note(const Accepted& accepted) {
    if (accepted) ++seen_.accepted;
  }

  void submit_and_wait() {
    auto inner = pool_->submit(make_leaf());
    note_future(inner);
  }

  // Waits for it, and tells from its end whether it was accepted.
  template <class T>
  void note_future(future<T>& of) {
    try {
      of.get();
    } catch (const submit_error&) {
      return;  // refused
    } catch (...) {
    }
    ++seen_.accepted;
  }

  void fork_and_join(std::uint64_t draw) {
    task_group group{*pool_, {.cancel_on_error = draw % 3 == 0}};
    for (int i = 0; i < 3; ++i) note(group.run(make_leaf()));
    try {
      group.wait();
    } catch (const submit_error&) {  // one was refused: the pool is closed, or full
    }
  }

  // A tree of joins. A half that another worker takes is one of the pool's tasks; one that a purge
  // or the cancel step takes away is one, too, and is told to be stopped.
  void join_halves(int deep) {
    if (deep == 0) return note(pool_->post(make_leaf()));
    const std::thread::id here = std::this_thread::get_id();
    std::atomic<bool> b_ran{false};
    try {
      join(
          *pool_, [&] { join_halves(deep - 1); },
          [&] {
            b_ran = true;
            join_halves(deep / 2);
            if (std::this_thread::get_id() == here) return;
            ++seen_.accepted;
            ++seen_.returned;
          });
      EXPECT_TRUE(b_ran);
    } catch (const task_stopped&) {
      EXPECT_FALSE(b_ran);
      ++seen_.accepted;
    }
  }

  void produce(std::uint64_t seed, std::uint64_t count) {
    std::mt19937_64 random{seed};
    result_channel<void> results{16};
    std::stop_source stop;
    std::vector<future<void>> kept;
    for (std::uint64_t i = 0; i < count && !pool_closed_; ++i) {
      const std::uint64_t draw = random();
      task_options options;
      if (draw & (1u << 8)) options.priority = static_cast<unsigned>(draw >> 16 & 7);
      if ((draw >> 20 & 63) == 0) options.start_by = duration::zero();
      if ((draw >> 26 & 63) == 0) options.stop_token = stop.get_token();
      if ((draw >> 32 & 15) == 0) options.task_class = classes_[draw >> 36 & 1];
      if ((draw >> 44 & 7) == 0) options.serial_key = draw >> 12 & 3;
      if ((draw >> 47 & 7) == 0) options.fair_key = draw >> 14 & 3;
      switch (draw >> 40 & 15) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
        case 5:
        case 6:
          note(pool_->post(options, make_task(draw)));
          break;
        case 7:
          note(pool_->try_post(options, make_task(draw)));
          break;
        case 8:
        case 9:
          kept.push_back(pool_->submit(options, make_task(draw)));
          break;
        case 10:
          if (auto taken = pool_->try_submit(options, make_task(draw)))
            kept.push_back(std::move(*taken));
          break;
        case 11:
          if (auto taken =
                  pool_->submit_for(std::chrono::microseconds{50}, make_task(draw), options)) {
            kept.push_back(std::move(*taken));
          }
          break;
        case 12: {
          std::vector<job> many;
          for (std::uint64_t k = draw >> 50 & 31; k > 0; --k) many.push_back(make_leaf());
          seen_.accepted += pool_->post_bulk(std::move(many), options);
          break;
        }
        case 13: {
          std::vector<job> many;
          for (std::uint64_t k = draw >> 50 & 31; k > 0; --k) many.push_back(make_leaf());
          for (auto& each : pool_->submit_bulk(std::move(many), options))
            kept.push_back(std::move(each));
          break;
        }
        case 14:
          note(results.try_submit(*pool_, options, make_task(draw)));
          while (results.try_pop()) {
          }
          break;
        case 15:
          if ((draw >> 50 & 15) == 0) stop = std::exchange(stop, std::stop_source{});
          if ((draw >> 50 & 15) == 1) stop.request_stop();
          break;
      }
      if (kept.size() >= 256) settle(kept);
    }
    settle(kept);
  }

  void settle(std::vector<future<void>>& kept) {
    for (auto& each : kept) note_future(each);
    kept.clear();
  }

  void operate(std::uint64_t seed, const std::stop_token& stop) {
    std::mt19937_64 random{seed};
    while (!stop.stop_requested()) {
      const std::uint64_t draw = random();
      switch (draw & 7) {
        case 0: {
          const std::size_t most = 1 + (draw >> 8) % 8;
          pool_->resize((draw >> 16) % (most + 1), most);
          break;
        }
        case 1:
          pool_->set_queue_capacity(1 + (draw >> 8) % 64);
          break;
        case 2:
          pool_->pause();
          std::this_thread::yield();
          pool_->resume();
          break;
        case 3:
          if ((draw >> 8) % 16 == 0) {
            for (purged_task& task : pool_->purge()) {
              ++seen_.purged;
              (void)task;
            }
          }
          break;
        default: {
          const pool_stats now = pool_->stats();
          EXPECT_TRUE(now.tasks.balanced()) << now.tasks;
          EXPECT_LT(now.tasks.running, 1u << 20) << now.tasks;  // no count ran below zero
          std::this_thread::yield();
        }
      }
    }
    pool_->resume();
  }

  void end() {
    const std::lock_guard lock{end_mutex_};
    pool_closed_ = true;
    switch (pick(0, 3)) {
      case 0:
        report_ = pool_->shutdown();
        break;
      case 1:
        report_ = pool_->shutdown({.drain = std::chrono::microseconds{pick(0, 300)}});
        break;
      case 2:
        pool_->close();
        pool_->cancel();
        report_ = pool_->shutdown();
        break;
      case 3:
        pool_->drain(std::chrono::microseconds{pick(0, 300)});
        report_ = pool_->shutdown();
        break;
    }
  }

  void check() {
    const ledger& pool = report_.tasks;
    EXPECT_TRUE(pool.balanced()) << pool;
    EXPECT_EQ(pool.inside(), 0u) << pool;
    EXPECT_EQ(pool.accepted, seen_.accepted) << pool;
    EXPECT_EQ(pool.succeeded + pool.failed + pool.cancelled + pool.expired + pool.discarded,
              pool.accepted);
    EXPECT_EQ(pool.succeeded, seen_.returned) << pool;
    EXPECT_EQ(pool.failed, seen_.threw) << pool;
    EXPECT_GE(pool.cancelled, seen_.stopped) << pool;
    EXPECT_GE(pool.discarded, seen_.purged) << pool;
    EXPECT_LE(seen_.unhandled, seen_.threw);
    EXPECT_EQ(seen_.bodies, 0u) << "a callable was not destroyed, or twice";
    EXPECT_TRUE(report_.left_behind.empty());
  }

  std::mt19937_64 random_;
  account seen_;
  std::optional<worker_pool> pool_;
  std::array<task_class, 2> classes_;
  std::atomic<std::size_t> producing_{0};
  std::atomic<bool> pool_closed_{false};
  std::mutex end_mutex_;
  shutdown_report report_;
};

TEST(P1_Conservation, Stress_BothAccountsAgreeWhateverHappens) {
  const std::uint64_t wanted = from_environment("MILLPOOL_STRESS_TASKS", default_tasks);
  std::uint64_t seed = from_environment("MILLPOOL_STRESS_SEED", 1);
  std::uint64_t accepted = 0;
  std::uint64_t rounds = 0;
  for (; accepted < wanted && !testing::Test::HasFailure(); ++rounds) {
    SCOPED_TRACE("MILLPOOL_STRESS_SEED=" + std::to_string(seed));
    accepted += round{seed++}.play(std::min<std::uint64_t>(20'000, wanted / 20));
  }
  std::cout << accepted << " tasks in " << rounds << " pools\n";
}

}  // namespace
}  // namespace millpool
