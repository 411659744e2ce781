// Layer 3 · pool: tasks whose time has not come yet.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/pool/repeated_task.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace millpool {

class pool_core;

/// What the pool itself does when it is time. A member of what the pool_core owns.
struct alarm {
  /// On the timers' thread, under no lock. \return when to ring again; no_deadline: once it is set.
  std::function<time_point()> ring;
  time_point due = no_deadline;  // guarded by timers' mutex_
};

/// Keeps tasks until their time, and then submits them: on one thread, which is started for the
/// first of them and sleeps until the earliest is due. What waits here is no task of the pool's
/// account yet. The same thread rings the pool's alarms.
///
/// Invariants
///   I1  once close() has returned no task is here, and none comes; once join() has, no alarm
///       rings.
/// Complexity     O(log n) a task; alarms are few. Time that passes costs nothing.
/// Thread safety  every member may be called concurrently.
class timers {
 public:
  explicit timers(pool_core& core) noexcept : core_{core} {}
  timers(const timers&) = delete;
  timers& operator=(const timers&) = delete;

  /// \param   task  moved from if it is kept, else left as it was.
  /// \return  full: there are as many as may be; closed.
  /// \throws  std::system_error where the thread cannot be started; std::bad_alloc.
  [[nodiscard]] std::expected<void, submit_errc> add(queued_task& task, unsigned lane,
                                                     time_point due);

  /// The same for one that comes back each `period`, until forget().
  [[nodiscard]] std::expected<void, submit_errc> add(std::shared_ptr<detail::repeated_task> task,
                                                     unsigned lane, time_point due,
                                                     duration period);
  void forget(detail::repeated_task& task) noexcept;

  /// Once, before it is set: from any one thread at a time.
  void add(alarm& added);
  /// Lets it ring at `due`, or earlier if that was so already. From its own ring(), too: then what
  /// that returns may be earlier.
  /// \return whether it will: no, where no thread can be started, or join() has begun.
  bool set(alarm& which, time_point due) noexcept;

  /// The tasks that wait here are refused as closed. Alarms go on.
  void close() noexcept;
  /// Ends the thread. REQUIRES: close() came first. A caller on the thread itself does not wait for
  /// it.
  void join();

  [[nodiscard]] std::size_t size() const;

 private:
  struct entry {
    time_point due;
    std::uint64_t number;  // those of one moment keep their order
    unsigned lane;
    queued_task task;  // none: `repeated` makes it
    std::shared_ptr<detail::repeated_task> repeated;
    duration period;
    [[nodiscard]] bool operator>(const entry& other) const noexcept {
      return due != other.due ? due > other.due : number > other.number;
    }
  };

  [[nodiscard]] std::expected<void, submit_errc> add(entry& later);
  void put(entry&& later) noexcept;
  void start_thread();
  void main() noexcept;
  [[nodiscard]] entry take_first() noexcept;
  void submit(entry& due) noexcept;
  [[nodiscard]] alarm* first_alarm() const noexcept;
  [[nodiscard]] time_point first_due() const noexcept;
  void let_ring(alarm& due, unique_lock& lock) noexcept;

  pool_core& core_;
  mutable mutex mutex_;
  condition_variable changed_;
  // guarded by mutex_:
  std::vector<entry> heap_;  // the earliest first
  std::vector<alarm*> alarms_;
  std::uint64_t next_number_ = 0;
  bool closed_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace millpool
