// Layer 3 · pool: who notices that a task does not return.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "src/pool/sighting.hpp"
#include "src/pool/timers.hpp"

namespace millpool {

class pool_core;

/// Looks at all who run tasks, eight times in pool_options::stuck_after, on the thread that keeps
/// the pool's time. Who is in the same task as at the last look has been there meanwhile: so a task
/// costs nothing for it, and says nothing.
///
///   seen for    of stuck_after   what is done
///   7 looks     7/8              overdue: another worker may take its thread's place. It has run
///                                for up to 8/8, if it began right after a look (P10)
///   8 looks     8/8              stuck: shown, told to stop, reported
///
/// Age         is what passed between looks, but no more than two looks' time each: what stops the
///             process, or the thread that looks, ages nobody.
/// The protocol by which nobody looks at a pool that sleeps (promise P12), and somebody does else
///   the watchdog          1. is_watching_ = false   2. heavy_barrier()  3. looks again who sleeps
///   who wakes, or begins  1. is not asleep          2. light_barrier()  3. reads is_watching_
/// So the watchdog sees the worker awake, or the worker sees that nobody looks.
/// Invariants
///   I1  is_watching_ <=> the alarm is set, or look() is under way and returns when to look again;
///       or no thread could be had for it, for the moment of that attempt.
/// Thread safety  every member may be called concurrently.
class watchdog {
 public:
  watchdog(pool_core& core, timers& time);
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  /// The calling thread may run tasks from here on.
  void somebody_is_awake() noexcept;

  /// The age at which a task is stuck from here on, also one that runs now; start_anew() is to
  /// follow. REQUIRES: there was one from the start.
  void set_stuck_after(duration age) noexcept;
  /// May start a thread, and so call a hook.
  void start_anew() noexcept;

 private:
  void set_alarm() noexcept;
  [[nodiscard]] duration period() const noexcept {
    return duration{period_.load(std::memory_order_relaxed)};
  }
  time_point look() noexcept;
  void look_at_all(time_point now) noexcept;
  void report_stuck_ones();
  void report(const stuck_task& found, duration& patience);
  [[nodiscard]] bool may_rest() noexcept;

  pool_core& core_;
  timers& timers_;
  const bool watches_;
  atomic<duration::rep> period_;  // relaxed: a number by itself
  alarm alarm_;
  time_point last_look_{};  // the timers' thread's alone
  atomic<bool> is_watching_{false};
};

}  // namespace millpool
