#include "millpool/result/task_group.hpp"

#include "millpool/sync/futex.hpp"
#include "millpool/sync/spin.hpp"
#include "millpool/sync/thread_host.hpp"

#include <utility>

namespace millpool {

group_state::group_state(bool cancel_on_error)
    : completion{nullptr, 1 + surplus}, cancel_on_error_{cancel_on_error} {
  token_ = stop_.get_token();
  stop_token_ = &token_;
}

void group_state::refused() noexcept {
  add_reference();  // for the one that the task gave back
  leave();
}

void group_state::leave() noexcept {
  // relaxed: the compare_exchange decides.
  std::uint32_t seen = inside_.load(std::memory_order_relaxed);
  for (;;) {
    const bool last = seen < 2 * one;
    // acq_rel: E1.
    if (inside_.compare_exchange_weak(seen, last ? 0 : seen - one, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
      if (last && (seen & awaited) != 0) ring(ended);  // I1
      return;
    }
  }
}

void group_state::ring(std::uint32_t what) noexcept {
  // release: E1, and the new task. An RMW also where the bit is set already: the waiter clears it
  // with another one, before it looks, and so sees the task or the bit.
  const std::uint32_t before = bell_.fetch_or(what, std::memory_order_release);
  if ((before & asleep) != 0) futex_wake(bell_, 1);
}

void group_state::fail(std::exception_ptr error) noexcept {
  {
    const lock_guard lock{mutex_};
    if (!first_error_) first_error_ = std::move(error);
  }
  if (cancel_on_error_) cancel();
}

void group_state::complete(task_state) noexcept { leave(); }

void group_state::cancel() noexcept {
  std::stop_source now = [this] {
    const lock_guard lock{mutex_};
    return stop_;
  }();
  now.request_stop();  // not under the lock: it runs callbacks of the token's users
}

std::stop_token group_state::stop_token() const {
  const lock_guard lock{mutex_};
  return token_;
}

std::exception_ptr group_state::wait(task_wait::yields how) noexcept {
  thread_host* const host = this_thread_host();
  const auto help = [&] {
    // relaxed: a look.
    while (host != nullptr && inside_.load(std::memory_order_relaxed) >= one &&
           host->run_waiting(owner())) {
    }
  };
  help();
  if (await(host != nullptr)) {
    if (host != nullptr) heavy_barrier();  // I2
    std::uint32_t rung = 0;
    do {
      help();
      rung = wait_for_ring(how);
      if ((rung & given_up) != 0 && (rung & ended) == 0 && stop_awaiting()) {
        return std::make_exception_ptr(submit_error{submit_errc::would_deadlock});
      }
    } while ((rung & ended) == 0);
  }
  renew();
  const lock_guard lock{mutex_};
  return std::exchange(first_error_, nullptr);
}

// Returns false if nothing is inside.
bool group_state::await(bool helps) noexcept {
  std::uint32_t seen = 0;
  const auto empty = [&] {
    // acquire: E1.
    seen = inside_.load(std::memory_order_acquire);
    return seen < one;
  };
  if (spin_until(empty)) return false;
  // acquire: E1, if it fails; who finds the bits reads nothing because of them.
  while (!inside_.compare_exchange_weak(seen, seen | awaited | (helps ? helping : 0U),
                                        std::memory_order_acquire)) {
    if (seen < one) return false;
  }
  return true;
}

class group_state::patient_wait final : public task_wait {
 public:
  patient_wait(group_state& group, yields how) noexcept
      : task_wait{group.owner(), how, true}, group_{group} {}
  void give_up() noexcept override { group_.ring(given_up); }

 private:
  group_state& group_;
};

// Returns what was rung, and clears it.
std::uint32_t group_state::wait_for_ring(task_wait::yields how) noexcept {
  std::uint32_t seen = 0;
  const auto rung = [&] {
    // acquire: E1.
    seen = bell_.load(std::memory_order_acquire);
    return (seen & (ended | fresh | given_up)) != 0;
  };
  if (!rung()) {
    patient_wait self{*this, how};
    const awaiting_region blocked{self};
    while (!rung()) {
      // relaxed: says no more than that we sleep.
      if (seen == asleep || bell_.compare_exchange_strong(seen, asleep, std::memory_order_relaxed))
        futex_wait(bell_, asleep);
    }
  }
  // acquire: E1.
  return bell_.exchange(0, std::memory_order_acquire);
}

// Returns false if nothing is inside any more: then `ended` is rung, or about to be.
bool group_state::stop_awaiting() noexcept {
  // relaxed, all: it keeps others from ringing, and reads nothing that they have done.
  std::uint32_t seen = inside_.load(std::memory_order_relaxed);
  while ((seen & awaited) != 0) {  // I1
    if (inside_.compare_exchange_weak(seen, seen & ~(awaited | helping),
                                      std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

// After a stop was requested: the next tasks start afresh.
void group_state::renew() noexcept {
  const lock_guard lock{mutex_};
  if (!stop_.stop_requested()) return;
  std::uint32_t seen = 0;
  // acquire: what has left no longer looks at the token. If somebody has entered, the stop is that
  // one's, too.
  if (!inside_.compare_exchange_strong(seen, renewing, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
    return;
  }
  stop_ = std::stop_source{};
  token_ = stop_.get_token();
  // release: E2.
  inside_.fetch_and(~std::uint32_t{renewing}, std::memory_order_release);
}

void group_state::wait_for_renewal() noexcept { const lock_guard lock{mutex_}; }

void group_state::give_up_surplus() noexcept {
  published_.release_references(surplus);
  release_reference();
}

}  // namespace millpool
