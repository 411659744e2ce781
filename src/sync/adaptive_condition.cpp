#include "millpool/sync/adaptive_condition.hpp"

#include "millpool/sync/futex.hpp"

#include <climits>

namespace millpool {

void adaptive_condition::wait_until(std::unique_lock<adaptive_mutex>& lock,
                                    time_point until) noexcept {
  // relaxed: whoever changes it holds the mutex.
  const std::uint32_t seen = round_.load(std::memory_order_relaxed);
  ++waiting_;
  lock.unlock();
  futex_wait_until(round_, seen, until);
  lock.lock();
  --(woken_ > 0 ? woken_ : waiting_);  // I2
}

void adaptive_condition::wake_one() noexcept {
  --waiting_;
  ++woken_;
  // relaxed: who waits after us reads it under the mutex; who falls asleep now is told by the
  // kernel, which compares under the lock that futex_wake takes.
  round_.fetch_add(1, std::memory_order_relaxed);
  futex_wake(round_, 1);
}

void adaptive_condition::wake_all() noexcept {
  woken_ += waiting_;
  waiting_ = 0;
  // relaxed: as above.
  round_.fetch_add(1, std::memory_order_relaxed);
  futex_wake(round_, INT_MAX);
}

}  // namespace millpool
