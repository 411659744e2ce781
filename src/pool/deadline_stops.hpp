// Layer 3 · pool: the stop tokens of running tasks that have a deadline.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/timers.hpp"

#include <stop_token>
#include <vector>

namespace millpool {

class deadline_stops;

/// What stands behind the stop_token of one task that has asked for it. A request made of what the
/// submission named is one of this, too.
///
/// Lifetime  made by the running task, and then its extras': so it ends when the task has, before
///           the pool does. Its stop_source is counted: who requests a stop holds a copy, and needs
///           neither the task nor this.
class deadline_stop {
 public:
  deadline_stop(deadline_stops& all, const std::stop_token& submitted, time_point due)
      : all_{all},
        token_{source_.get_token()},
        due_{due},
        submitted_{submitted, pass_on{source_}} {}
  ~deadline_stop();
  deadline_stop(const deadline_stop&) = delete;
  deadline_stop& operator=(const deadline_stop&) = delete;

  [[nodiscard]] const std::stop_source& source() const noexcept { return source_; }
  [[nodiscard]] const std::stop_token& token() const noexcept { return token_; }

 private:
  friend class deadline_stops;
  struct pass_on {
    std::stop_source to;
    void operator()() noexcept { to.request_stop(); }
  };

  deadline_stops& all_;
  std::stop_source source_;
  const std::stop_token token_;
  const time_point due_;
  const std::stop_callback<pass_on> submitted_;
};

/// Requests the stop of running tasks when their time is up: of those that asked for their token,
/// for whose first the timer is set. All others ask the clock, in stop_requested().
///
/// Thread safety  every member may be called concurrently.
class deadline_stops {
 public:
  deadline_stops(pool_core& core, timers& time) noexcept : core_{core}, timers_{time} {}
  deadline_stops(const deadline_stops&) = delete;
  deadline_stops& operator=(const deadline_stops&) = delete;

  /// That of the task that has asked for this, which must look itself whether it is to stop, after.
  /// \return null, in a child of this process: nobody keeps the time. \throws std::bad_alloc.
  [[nodiscard]] const deadline_stop* made_for(task_extras& asked, const std::stop_token& submitted,
                                              time_point due);

  /// By what that task can be told to stop; one without a state, if it has not asked. What the
  /// caller did before is seen by who asks for it later.
  [[nodiscard]] std::stop_source source_of(const task_extras& asked) noexcept;

  /// Requests the stop of all.
  void request_all() noexcept { static_cast<void>(request_until(no_deadline)); }

 private:
  friend class deadline_stop;
  time_point request_until(time_point moment) noexcept;

  pool_core& core_;
  timers& timers_;
  alarm alarm_;
  bool added_ = false;  // guarded by mutex_, as the next
  std::vector<deadline_stop*> running_;
  mutex mutex_;
};

}  // namespace millpool
