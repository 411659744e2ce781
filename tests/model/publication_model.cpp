// Does a result reach everybody who waits for it, once, whoever comes first?
#include "millpool/result/result_state.hpp"
#include "millpool/sync/parker.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

class counting final : public continuation {
 public:
  void run() noexcept override { ++runs; }
  int runs = 0;
};

// A producer, a thread that waits, and one that attaches a continuation.
struct wait_and_attach {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      value = 1;
      (void)word.publish();
      check(word.is_ready(), "what was published stays so");
    } else if (which == 1) {
      check(word.wait(this, steady(), no_deadline), "a wait without a limit ends with the result");
      check(value == 1, "who has waited sees the result");
    } else if (!word.attach(&next)) {
      check(value == 1, "attach() says that the result is there when it is");
      next.run();
    }
  }
  void end() { check(next.runs == 1, "the continuation runs exactly once"); }

  publication word;
  counting next;
  int value = 0;
};

TEST(PublicationModel, EveryWaiterWakesAndTheContinuationRunsOnce) {
  explore::expect_holds<wait_and_attach>();
}

// Two threads wait, one of them not for ever.
struct a_wait_with_a_limit {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      value = 1;
      (void)word.publish();
    } else if (which == 1) {
      check(word.wait(this, time, no_deadline), "the patient one gets the result");
      check(value == 1, "who has waited sees the result");
    } else {
      const time_point until = time.now() + std::chrono::seconds{1};
      const bool ready = word.wait(this, time, until);
      check(ready || time.now() >= until, "no wait gives up before its limit");
      check(!ready || value == 1, "who was told that it is there sees it");
    }
  }
  void end() { check(word.is_ready(), "published"); }

  explore::virtual_clock time;
  publication word;
  int value = 0;
};

TEST(PublicationModel, AWaitThatGivesUpTakesNoWakeFromAnother) {
  explore::expect_holds<a_wait_with_a_limit>();
}

// A wait is given up, as a pool does it where it finds a deadlock; and later the result comes.
struct a_wait_is_given_up {
  static constexpr unsigned threads = 2;

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
      waits.unpark();
      return true;
    }
    void give_up() {
      const lock_guard lock{mutex_};
      check(wait_ != nullptr, "the wait has no other reason to end");
      wait_->give_up();
    }
    parker waits;

   private:
    mutex mutex_;
    task_wait* wait_ = nullptr;
  };

  void thread(unsigned which) {
    if (which == 1) {
      pool.waits.park();
      pool.give_up();
      has_returned.park();
      (void)word.publish();
      return;
    }
    install_thread_host(&pool);
    check(!word.wait(this, steady(), no_deadline), "a wait that is given up says that it failed");
    install_thread_host(nullptr);
    has_returned.unpark();
    check(word.wait(this, steady(), no_deadline), "the next one knows nothing of it");
  }
  void end() {}

  host pool;
  parker has_returned;
  publication word;
};

TEST(PublicationModel, AWaitThatIsGivenUpReturns) { explore::expect_holds<a_wait_is_given_up>(); }

// The last reference goes with whoever is last, and only then.
struct counted_state final : completion {
  explicit counted_state(int* deaths) : deaths_{deaths} {}
  ~counted_state() override { ++*deaths_; }
  void fail(std::exception_ptr) noexcept override {}
  void complete(task_state) noexcept override {
    (void)word.publish();
    release_reference();
  }
  publication word;
  int* deaths_;
};

struct shared_by_three {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    completion_ref<counted_state> mine = std::move(held[which]);
    if (which == 0) {
      mine.release()->complete(task_state::succeeded);
    } else if (which == 1) {
      mine->word.wait(this, steady(), no_deadline);
    } else {
      const completion_ref<counted_state> another = mine;
      check(deaths == 0, "what is referred to lives");
    }
  }
  void end() { check(deaths == 1, "it dies once, with its last reference"); }

  int deaths = 0;
  completion_ref<counted_state> first{new counted_state{&deaths}};
  completion_ref<counted_state> held[3] = {first, first, std::move(first)};
};

TEST(PublicationModel, TheStateDiesOnceWithItsLastReference) {
  explore::expect_holds<shared_by_three>();
}

TEST(PublicationModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<wait_and_attach>(fault::futex_wakes_nobody);
  explore::expect_caught<a_wait_with_a_limit>(fault::futex_wakes_nobody);
  explore::expect_caught<a_wait_is_given_up>(fault::futex_wakes_nobody);
}
TEST(PublicationModel, CatchesAnRmwThatIsALoadAndAStore) {
  explore::expect_caught<wait_and_attach>(fault::rmw_is_load_and_store);
  explore::expect_caught<shared_by_three>(fault::rmw_is_load_and_store);
}

}  // namespace
}  // namespace millpool
