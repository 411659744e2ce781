#include "millpool/result/publication.hpp"

#include "millpool/sync/futex.hpp"
#include "millpool/sync/spin.hpp"
#include "millpool/sync/thread_host.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <climits>

namespace millpool {

bool publication::publish() noexcept {
  // One RMW sets the bit and takes the reference off. release: E1, E3. acquire: E2, E3.
  const std::uint32_t before = word_.fetch_add(ready - one_reference, std::memory_order_acq_rel);
  if ((before & awaited) != 0) futex_wake(word_, INT_MAX);
  if ((before & continued) != 0) {
    const trace_scope nobodys{nullptr};  // not that of who happens to end the task
    continuation_->run();
  }
  return before / one_reference == 1;
}

bool publication::wait(const void* owner, const clock& time, time_point deadline,
                       task_wait::yields how) noexcept {
  if (is_ready()) return true;
  if (deadline == no_deadline) return wait_without_limit(owner, how);
  const blocking_region blocked;
  for (;;) {
    // acquire: E1. An RMW and not a load: from here on publish() knows that we sleep.
    const std::uint32_t seen = word_.fetch_or(awaited, std::memory_order_acquire) | awaited;
    if ((seen & ready) != 0) return true;
    if (time.now() >= deadline) return false;
    futex_wait_until(word_, seen, time.look_again(deadline));
  }
}

class publication::patient_wait final : public task_wait {
 public:
  patient_wait(atomic<std::uint32_t>& word, const void* owner, yields how) noexcept
      : task_wait{owner, how}, word_{word} {}

  // The waiter has read the word before this, and so does not fall asleep on it, or sees the bit.
  void give_up() noexcept override {
    // relaxed: nothing is read that it publishes.
    word_.fetch_or(given_up, std::memory_order_relaxed);
    futex_wake(word_, INT_MAX);
  }

 private:
  atomic<std::uint32_t>& word_;
};

bool publication::wait_without_limit(const void* owner, task_wait::yields how) noexcept {
  if (thread_host* const host = this_thread_host(); host != nullptr) {
    if (host->run_waiting(owner) && is_ready()) return true;
  }
  if (spin_until([this] { return is_ready(); })) return true;
  patient_wait self{word_, owner, how};
  const awaiting_region blocked{self};
  for (;;) {
    // acquire: E1. An RMW and not a load: from here on publish() knows that we sleep.
    const std::uint32_t seen = word_.fetch_or(awaited, std::memory_order_acquire) | awaited;
    if ((seen & ready) != 0) return true;
    if ((seen & given_up) != 0) {
      // relaxed: for the next wait, which is this thread's, too.
      word_.fetch_and(~std::uint32_t{given_up}, std::memory_order_relaxed);
      return false;
    }
    futex_wait(word_, seen);
  }
}

bool publication::attach(continuation* next) noexcept {
  continuation_ = next;
  // release: E2. acquire: E1, for the caller that finds the result there.
  return (word_.fetch_or(continued, std::memory_order_acq_rel) & ready) == 0;
}

}  // namespace millpool
