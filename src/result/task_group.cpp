#include "millpool/result/task_group.hpp"

#include "millpool/sync/thread_host.hpp"

namespace millpool {

group_state::group_state(bool cancel_on_error)
    : cancel_on_error_{cancel_on_error}, token_{stop_.get_token()} {
  stop_token_ = &token_;
}

void group_state::enter() {
  const lock_guard lock{mutex_};
  ++inside_;
}

void group_state::submitted() noexcept {
  const lock_guard lock{mutex_};
  ++submitted_;
  if (helpers_ > 0) changed_.notify_all();
}

void group_state::leave() noexcept {
  const lock_guard lock{mutex_};
  if (--inside_ == 0) changed_.notify_all();
}

void group_state::fail(std::exception_ptr error) noexcept {
  {
    const lock_guard lock{mutex_};
    if (!first_error_) first_error_ = std::move(error);
  }
  if (cancel_on_error_) cancel();
}

void group_state::complete(task_state) noexcept {
  leave();
  release_reference();
}

void group_state::refused(submit_errc why) noexcept {
  fail(std::make_exception_ptr(submit_error{why}));
}

void group_state::cancel() noexcept {
  const std::stop_source now = [this] {
    const lock_guard lock{mutex_};
    return stop_;
  }();
  std::stop_source{now}
      .request_stop();  // not under the lock: it runs callbacks of the token's users
}

std::stop_token group_state::stop_token() const {
  const lock_guard lock{mutex_};
  return token_;
}

std::exception_ptr group_state::wait() noexcept {
  thread_host* const host = this_thread_host();
  unique_lock lock{mutex_};
  while (inside_ > 0) {
    const std::uint64_t seen = submitted_;  // read before the search: a later one is not missed
    lock.unlock();
    while (host != nullptr && host->run_waiting(owner())) {
    }
    lock.lock();
    if (inside_ == 0 || (host != nullptr && submitted_ != seen)) continue;
    lock.unlock();
    {
      const blocking_region blocked;
      lock.lock();
      helpers_ += host != nullptr ? 1 : 0;
      changed_.wait(lock, [&] { return inside_ == 0 || (host != nullptr && submitted_ != seen); });
      helpers_ -= host != nullptr ? 1 : 0;
      lock.unlock();
    }
    lock.lock();
  }
  if (stop_.stop_requested()) {  // the next tasks start afresh
    stop_ = std::stop_source{};
    token_ = stop_.get_token();
  }
  return std::exchange(first_error_, nullptr);
}

}  // namespace millpool
