// Does a worker ever sleep while a task waits (promise P6)?
#include "millpool/channel/task_channel.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/idle.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/worker.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

// What may be wrong with a protocol like that of idle.hpp.
enum class slip {
  none,
  looks_before_it_enters,
  wakes_before_it_pushes,
  takes_one_and_wakes_nobody,
  comes_as_if_it_were_not_released
};

// The protocol alone: the real idle_workers, parker and channel, between a submitter and two
// workers of few lines.
template <slip wrong>
struct two_workers {
  static constexpr unsigned threads = 3;

  // The next task, or none: all is done.
  std::optional<int> next(worker& self) {
    bool searching = false;
    for (;;) {
      if (std::exchange(searching, false)) idle.stop_search();
      auto taken = channel.try_take();
      if (taken) {
        if (taken->left > 0 && wrong != slip::takes_one_and_wakes_nobody) idle.wake_one();
        return taken->value;
      }
      if (taken.error() == queue_status::closed) return std::nullopt;
      searching = idle.start_search();
      searching = sleep(self, searching);
    }
  }
  // As worker::sleep(), for a worker that is not above the minimum. Returns whether it searches.
  bool sleep(worker& self, bool searching) {
    const bool seen_before = wrong == slip::looks_before_it_enters && work_visible();
    idle.enter(self, searching, false);
    heavy_barrier();
    if (wrong == slip::looks_before_it_enters ? seen_before : work_visible()) {
      if (idle.leave(self)) return false;
    }
    self.bed.park();
    const bool counted = idle.has_come(self);
    return counted || wrong == slip::comes_as_if_it_were_not_released;
  }
  bool work_visible() { return channel.size() > 0 || channel.is_closed(); }
  void end_all() {
    channel.close();
    idle.wake_all();
  }

  explore::virtual_clock time;
  std::shared_ptr<pool_core> core = std::make_shared<pool_core>(pool_options{.time = &time});
  worker first{*core, 0};
  worker second{*core, 1};
  idle_workers idle;
  task_channel<int> channel{4, {}, time};
};

// A bulk of two tasks comes with one wake. They wait for each other, so one worker is not enough.
template <slip wrong = slip::none>
struct bulk_of_two : two_workers<wrong> {
  void thread(unsigned which) {
    if (which == 0) {
      std::array<int, 2> bulk{0, 1};
      if (wrong == slip::wakes_before_it_pushes) this->idle.wake_one();
      (void)this->channel.push_bulk(std::span{bulk}, [](int) { return std::size_t{4}; });
      if (wrong != slip::wakes_before_it_pushes) this->idle.wake_one();
      return;
    }
    while (this->next(which == 1 ? this->first : this->second)) {
      met.fetch_add(1);
      (which == 1 ? second_may_end : first_may_end).unpark();
      (which == 1 ? first_may_end : second_may_end).park();
      this->end_all();
    }
  }
  void end() { check(met.load() == 2, "both tasks ran"); }

  parker first_may_end;
  parker second_may_end;
  atomic<unsigned> met{0};
};

// Two tasks come one after the other, each with a wake: what the first one leaves behind in the
// count of those who search, the second one meets.
template <slip wrong = slip::none>
struct two_in_turn : two_workers<wrong> {
  void thread(unsigned which) {
    if (which == 0) {
      for (int task = 0; task < 2; ++task) {
        (void)this->channel.push(int{task}, std::size_t{4});
        this->idle.wake_one();
      }
      return;
    }
    while (this->next(which == 1 ? this->first : this->second)) {
      if (ran.fetch_add(1) == 1) this->end_all();
    }
  }
  void end() { check(ran.load() == 2, "both tasks ran"); }

  atomic<unsigned> ran{0};
};

TEST(IdleWorkersModel, P6_NoWorkerSleepsWhileATaskWaits) { explore::expect_holds<bulk_of_two<>>(); }
TEST(IdleWorkersModel, P6_NoWorkerSleepsWhileTheNextTaskWaits) {
  explore::expect_holds<two_in_turn<>>();
}

TEST(IdleWorkersModel, P6_NoWorkerSleepsWhileATaskWaitsOnLateStores) {
  explore::expect_holds<bulk_of_two<>>(explore::late_stores);
  explore::expect_holds<bulk_of_two<>>(explore::late_stores_and_fences);
  explore::expect_holds<two_in_turn<>>(explore::late_stores);
}

TEST(IdleWorkersModel, CatchesAWorkerThatLooksBeforeItEnters) {
  explore::expect_caught<bulk_of_two<slip::looks_before_it_enters>>();
}
TEST(IdleWorkersModel, CatchesASubmitterThatWakesBeforeItPushes) {
  explore::expect_caught<bulk_of_two<slip::wakes_before_it_pushes>>();
}
TEST(IdleWorkersModel, CatchesATakerThatWakesNobodyForTheNext) {
  explore::expect_caught<bulk_of_two<slip::takes_one_and_wakes_nobody>>();
}
TEST(IdleWorkersModel, CatchesAWorkerThatEndsASearchWhichAnotherHasTakenOver) {
  explore::expect_caught<two_in_turn<slip::comes_as_if_it_were_not_released>>();
}
TEST(IdleWorkersModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<bulk_of_two<>>(fault::futex_wakes_nobody);
}

// The channel's lock would hide a barrier that is not there. What a worker keeps is made visible by
// a store alone: so here, a task is a word, and its submitter neither locks nor exchanges.
struct a_store_and_a_wake {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 0) {
      task.store(true, std::memory_order_release);
      idle.wake_one();
      return;
    }
    while (!task.load(std::memory_order_acquire)) {
      (void)idle.enter(self, false, false);
      heavy_barrier();
      if (task.load(std::memory_order_acquire) && idle.leave(self)) continue;
      self.bed.park();
      if (idle.has_come(self)) idle.stop_search();
    }
    ran = true;
  }
  void end() { check(ran, "the task ran"); }

  explore::virtual_clock time;
  std::shared_ptr<pool_core> core = std::make_shared<pool_core>(pool_options{.time = &time});
  worker self{*core, 0};
  idle_workers idle;
  atomic<bool> task{false};
  bool ran = false;
};

TEST(IdleWorkersModel, P6_NoWorkerSleepsWhileAnotherKeepsATask) {
  explore::expect_holds<a_store_and_a_wake>();
  explore::expect_holds<a_store_and_a_wake>(explore::late_stores);
  explore::expect_holds<a_store_and_a_wake>(explore::late_stores_and_fences);
}
TEST(IdleWorkersModel, CatchesABarrierThatDoesNothing) {
  explore::expect_caught<a_store_and_a_wake>(fault::heavy_barrier_does_nothing,
                                             explore::late_stores);
  explore::expect_caught<a_store_and_a_wake>(fault::light_barrier_does_nothing,
                                             explore::late_stores_and_fences);
}

}  // namespace
}  // namespace millpool
