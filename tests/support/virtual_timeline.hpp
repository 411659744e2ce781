// Support for tests: a play in virtual time.
#pragma once

#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/worker_pool.hpp"

#include <functional>
#include <map>
#include <utility>

namespace millpool::test {

/// Actions at virtual times, run in order. Before the clock moves on, the pool has done all that it
/// had to do: so what happens at a time depends on the times alone, and not on how fast threads
/// are.
class virtual_timeline {
 public:
  virtual_timeline(manual_clock& time, worker_pool& pool) : time_{time}, pool_{pool} {}

  /// \param  when  from the start of the play. Equal times run in the order of the calls.
  void at(duration when, std::function<void()> action) {
    actions_.emplace(when, std::move(action));
  }

  /// Runs all actions, also those that actions add on the way.
  void run() {
    duration now{};
    while (!actions_.empty()) {
      auto next = actions_.extract(actions_.begin());
      time_.advance(next.key() - now);
      now = next.key();
      next.mapped()();
      pool_.wait_idle();
    }
  }

 private:
  manual_clock& time_;
  worker_pool& pool_;
  std::multimap<duration, std::function<void()>> actions_;
};

}  // namespace millpool::test
