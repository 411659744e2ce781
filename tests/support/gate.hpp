// Support for tests: hold tasks, and let them go.
#pragma once

#include "millpool/pool/worker_pool.hpp"

#include <atomic>
#include <thread>

namespace millpool::test {

/// A door that is shut at first, and opened once for all.
class gate {
 public:
  void open() noexcept {
    open_.store(true);
    open_.notify_all();
  }
  /// Waits until it is open. The pool is not told: a worker that waits here is simply busy.
  void pass() const noexcept { open_.wait(false); }
  [[nodiscard]] bool is_open() const noexcept { return open_.load(); }

 private:
  std::atomic<bool> open_{false};
};

/// Waits for a fact that no one announces, such as a line in /proc.
template <class Fact>
void await(Fact fact) {
  while (!fact()) std::this_thread::yield();
}

/// Keeps `count` workers busy with a task each, from its construction until let_go() or its end.
///
/// Lifetime  ends before its pool does, or else the pool's end would wait for this one's.
class occupation {
 public:
  occupation(worker_pool& pool, int count) : pool_{pool} {
    for (int i = 1; i <= count; ++i) {
      pool.post(task_options{.priority = 0}, [this] {
        started_.fetch_add(1);
        started_.notify_all();
        door_.pass();
        left_.fetch_add(1);
        left_.notify_all();
      });
      // One after the other, so that a capacity of 1 is enough.
      for (int seen = started_; seen < i; seen = started_) started_.wait(seen);
    }
  }
  ~occupation() {
    let_go();
    const int all = started_;
    for (int seen = left_; seen < all; seen = left_) left_.wait(seen);
    pool_.wait_idle();  // the tasks have let go of this object's members for good
  }
  occupation(const occupation&) = delete;
  occupation& operator=(const occupation&) = delete;

  void let_go() noexcept { door_.open(); }

 private:
  worker_pool& pool_;
  gate door_;
  std::atomic<int> started_{0};
  std::atomic<int> left_{0};
};

}  // namespace millpool::test
