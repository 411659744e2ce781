// Does a wait for a group end when the last task has left, and not before? And does a worker that
// waits learn of every task that only it can run?
#include "millpool/result/task_group.hpp"
#include "millpool/sync/parker.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

namespace millpool {
namespace {

using explore::check;
using explore::fault;
using explore::late_stores;
using explore::late_stores_and_fences;

constexpr auto never = task_wait::yields::never;

// Two tasks end while one thread waits, and then gives up the group.
struct two_leave {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which > 0) {
      ended[which] = 1;
      group->complete(task_state::succeeded);
      return;
    }
    check(group->wait(never) == nullptr, "no task has failed");
    check(ended[1] + ended[2] == 2, "a wait ends after the last task, and sees what all have done");
    group.reset();
  }
  void end() {}

  two_leave() {
    for (int i = 0; i < 2; ++i) group->enter();
  }
  int ended[3] = {};
  group_state::ptr group{new group_state{false}};
};

TEST(TaskGroupModel, AWaitEndsWithTheLastTask) { explore::expect_holds<two_leave>(); }

// One is refused, as its submitter waits; another task runs meanwhile, and a third comes later.
struct one_is_refused {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 1) {
      ended = 1;
      group->complete(task_state::succeeded);
      return;
    }
    group->enter();
    group->release_reference();  // so does a task that was not accepted
    group->fail(std::make_exception_ptr(1));
    group->refused();
    check(group->wait(never) != nullptr, "a refusal is an error");
    check(ended == 1, "a wait ends after the last task");
    group->enter();
    group->submitted();
    group->complete(task_state::succeeded);
    check(group->wait(never) == nullptr, "the group is good for another turn");
    group.reset();
  }
  void end() {}

  one_is_refused() { group->enter(); }
  int ended = 0;
  group_state::ptr group{new group_state{false}};
};

TEST(TaskGroupModel, ARefusedTaskIsCountedOut) { explore::expect_holds<one_is_refused>(); }

// A task of the group, on thread 1, submits two more; only the worker that waits can run them.
struct a_worker_waits {
  static constexpr unsigned threads = 2;

  struct worker final : thread_host {
    explicit worker(a_worker_waits& all) : of{all} {}
    bool run_waiting(const void* owner) noexcept override {
      for (auto& each : of.tasks) {
        if (owner != of.group->owner() || each.load(std::memory_order_acquire) == 0) continue;
        each.store(0, std::memory_order_relaxed);
        ++of.runs;
        of.group->complete(task_state::succeeded);
        return true;
      }
      return false;
    }
    void block() noexcept override {}
    void unblock() noexcept override {}
    a_worker_waits& of;
  };

  void thread(unsigned which) {
    if (which == 1) {
      for (auto& each : tasks) {
        group->enter();
        each.store(1, std::memory_order_release);
        group->submitted();
      }
      group->complete(task_state::succeeded);
      return;
    }
    worker self{*this};
    install_thread_host(&self);
    check(group->wait(never) == nullptr, "no task has failed");
    install_thread_host(nullptr);
    check(runs == 2, "both have run when the wait ends");
    group.reset();
  }
  void end() {}

  a_worker_waits() { group->enter(); }
  atomic<int> tasks[2] = {0, 0};
  int runs = 0;
  group_state::ptr group{new group_state{false}};
};

TEST(TaskGroupModel, AWorkerThatWaitsLearnsOfEveryTask) {
  explore::expect_holds<a_worker_waits>(late_stores);
  explore::expect_holds<a_worker_waits>(late_stores_and_fences);
}

// A wait is given up just as the last task leaves: it has ended, or the next one does, with that
// task.
struct a_wait_is_given_up {
  static constexpr unsigned threads = 3;

  struct host final : thread_host {
    bool run_waiting(const void*) noexcept override { return false; }
    void block() noexcept override {}
    void unblock() noexcept override {
      const lock_guard lock{mutex_};
      wait_ = nullptr;
    }
    bool block_for(task_wait& wait) noexcept override {
      {
        const lock_guard lock{mutex_};
        wait_ = &wait;
      }
      waits_or_is_over.unpark();
      return true;
    }
    void give_up() {
      const lock_guard lock{mutex_};
      if (wait_ != nullptr) wait_->give_up();
    }
    parker waits_or_is_over;

   private:
    mutex mutex_;
    task_wait* wait_ = nullptr;
  };

  void thread(unsigned which) {
    if (which == 1) {
      pool.waits_or_is_over.park();
      pool.give_up();
      return;
    }
    if (which == 2) {
      ended = 1;
      group->complete(task_state::succeeded);
      return;
    }
    install_thread_host(&pool);
    if (group->wait(task_wait::yields::at_need) == nullptr) {
      check(ended == 1, "a wait that says nothing ends after the last task");
    }
    install_thread_host(nullptr);
    pool.waits_or_is_over.unpark();
    check(group->wait(never) == nullptr, "no task has failed");
    check(ended == 1, "a wait ends after the last task");
    group.reset();
  }
  void end() {}

  a_wait_is_given_up() { group->enter(); }
  int ended = 0;
  host pool;
  group_state::ptr group{new group_state{false}};
};

TEST(TaskGroupModel, AWaitIsGivenUpAsTheLastTaskLeaves) {
  explore::expect_holds<a_wait_is_given_up>();
}

// Nobody else ends it.
struct a_wait_is_given_up_before {
  static constexpr unsigned threads = 2;

  void thread(unsigned which) {
    if (which == 1) {
      pool.waits_or_is_over.park();
      pool.give_up();
      return;
    }
    install_thread_host(&pool);
    check(group->wait(task_wait::yields::at_need) != nullptr, "it says that it has failed");
    install_thread_host(nullptr);
    group->complete(task_state::succeeded);
    check(group->wait(never) == nullptr, "the group is good for another turn");
    group.reset();
  }
  void end() {}

  a_wait_is_given_up_before() { group->enter(); }
  a_wait_is_given_up::host pool;
  group_state::ptr group{new group_state{false}};
};

TEST(TaskGroupModel, AWaitThatIsGivenUpReturns) {
  explore::expect_holds<a_wait_is_given_up_before>();
}

TEST(TaskGroupModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<a_wait_is_given_up_before>(fault::futex_wakes_nobody);
  explore::expect_caught<two_leave>(fault::futex_wakes_nobody);
  explore::expect_caught<a_worker_waits>(fault::futex_wakes_nobody, late_stores);
}
TEST(TaskGroupModel, CatchesAnRmwThatIsALoadAndAStore) {
  explore::expect_caught<two_leave>(fault::rmw_is_load_and_store);
}
TEST(TaskGroupModel, CatchesABarrierThatDoesNothing) {
  explore::expect_caught<a_worker_waits>(fault::heavy_barrier_does_nothing, late_stores);
  explore::expect_caught<a_worker_waits>(fault::light_barrier_does_nothing, late_stores_and_fences);
}

}  // namespace
}  // namespace millpool
