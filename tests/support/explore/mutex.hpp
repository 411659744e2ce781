// Support for models: what millpool::mutex and condition_variable are under MILLPOOL_EXPLORE.
#pragma once

#include "explore/scheduler.hpp"

#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

namespace millpool {

class mutex {
 public:
  mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  void lock() noexcept {
    explore::step("lock", this);
    explore::drain();
    while (locked_) explore::wait_for_lock(this);
    locked_ = true;
  }
  [[nodiscard]] bool try_lock() noexcept {
    explore::step("try_lock", this);
    explore::drain();
    if (locked_) return false;
    locked_ = true;
    return true;
  }
  void unlock() noexcept {
    explore::fence("unlock");
    // No step: until its next one, nobody can tell this thread's place.
    explore::note("unlock", this);
    locked_ = false;
    explore::wake(this, all);
  }

 private:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  bool locked_ = false;
};

using quick_mutex = mutex;

class condition_variable {
 public:
  condition_variable() = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  void wait(std::unique_lock<mutex>& lock) noexcept { (void)sleep(lock, no_deadline); }
  template <class Predicate>
  void wait(std::unique_lock<mutex>& lock, Predicate satisfied) {
    while (!satisfied()) wait(lock);
  }
  std::cv_status wait_until(std::unique_lock<mutex>& lock, time_point until) noexcept {
    return sleep(lock, until) == explore::wake_reason::time ? std::cv_status::timeout
                                                            : std::cv_status::no_timeout;
  }

  void notify_one() noexcept {
    explore::step("notify_one", this);
    if (!explore::planted(explore::fault::notify_one_wakes_nobody)) explore::wake(this, 1);
  }
  void notify_all() noexcept {
    explore::step("notify_all", this);
    if (explore::planted(explore::fault::notify_all_wakes_nobody)) return;
    const bool one = explore::planted(explore::fault::notify_all_wakes_one);
    explore::wake(this, one ? 1 : std::numeric_limits<std::size_t>::max());
  }

 private:
  // Nobody comes between the unlock and the sleep.
  explore::wake_reason sleep(std::unique_lock<mutex>& lock, time_point until) noexcept {
    lock.unlock();
    const auto reason = explore::sleep_on("wait", this, until);
    lock.lock();
    return reason;
  }
};

}  // namespace millpool
