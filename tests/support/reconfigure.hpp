// Support for tests: change one option of a pool that runs, and watch who waits for room in it.
#pragma once

#include "millpool/pool/worker_pool.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/process.hpp"

#include <atomic>
#include <expected>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace millpool::test {

/// An option, or some, set to other values.
using change = std::function<void(pool_options&)>;

/// Changes the options in force in that way, and no others.
inline std::vector<option_change> reconfigure(worker_pool& pool, const change& how) {
  pool_options wanted = pool.options();
  how(wanted);
  return pool.reconfigure(wanted);
}

[[nodiscard]] inline change to(full_policy policy) {
  return [policy](pool_options& o) { o.when_full = policy; };
}

/// Fills the channel. \return the futures, oldest first.
[[nodiscard]] inline std::vector<future<void>> fill(worker_pool& pool,
                                                    const task_options& wish = {}) {
  std::vector<future<void>> waiting;
  while (auto taken = pool.try_submit(wish, [] {})) waiting.push_back(std::move(*taken));
  return waiting;
}

/// A thread that posts f, and is known to wait for that.
class blocked_submitter {
 public:
  template <class F>
  blocked_submitter(worker_pool& pool, F f)
      : thread_{[this, &pool, f] {
          id_ = ::gettid();
          answer_ = pool.post(f);
          back_ = true;
        }} {
    // No claim depends on it: a submitter that comes late decides by the new options at once.
    await([&] { return back_ || (id_ != 0 && all_asleep({std::to_string(id_)})); });
  }
  [[nodiscard]] bool is_back() const { return back_; }
  [[nodiscard]] std::expected<void, submit_errc> answer() {
    thread_.join();
    return answer_;
  }

 private:
  std::atomic<pid_t> id_{0};
  std::atomic<bool> back_{false};
  std::expected<void, submit_errc> answer_;
  std::jthread thread_;
};

}  // namespace millpool::test
