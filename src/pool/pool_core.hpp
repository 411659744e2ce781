// Layer 3 · pool: what stands behind a worker_pool, and outlives it as long as anybody needs it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/channel/task_channel.hpp"
#include "millpool/pool/option_change.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/pool_stats.hpp"
#include "millpool/pool/shutdown.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/breaker_gate.hpp"
#include "src/pool/crew.hpp"
#include "src/pool/deadline_stops.hpp"
#include "src/pool/idle.hpp"
#include "src/pool/load_shedder.hpp"
#include "src/pool/own_tasks.hpp"
#include "src/pool/settings.hpp"
#include "src/pool/stamp.hpp"
#include "src/pool/task_spans.hpp"
#include "src/pool/time_cells.hpp"
#include "src/pool/timers.hpp"
#include "src/pool/watchdog.hpp"
#include "src/pool/worker_limit.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace millpool {

/// A task class, and how its tasks ended.
struct class_record {
  task_class_options options;
  breaker_record breaker{};
  std::array<atomic<std::uint64_t>, task_state_count> ended{};
  atomic<std::uint64_t> retries{0};

  /// What its tasks have in common in the channel: none, if they are all free to be taken.
  [[nodiscard]] std::optional<serial_key> key() const noexcept {
    const bool may_be_held =
        options.breaker != nullptr && options.breaker->then() == when_open::hold;
    if (!options.max_concurrency && !may_be_held) return std::nullopt;
    return serial_key{std::bit_cast<std::uint64_t>(this),
                      options.max_concurrency.value_or(serial_key::no_limit)};
  }
  [[nodiscard]] std::uint64_t count_of(task_state state) const noexcept {
    return ended[static_cast<std::size_t>(state)].load(std::memory_order_acquire);  // as below
  }
  /// Whether each of its submissions is asked for.
  [[nodiscard]] bool asks() const noexcept {
    return options.admit || (breaker.breaker != nullptr && breaker.breaker->asks());
  }
  void count(task_state state) noexcept {
    // release: as in pool_core::count_outside().
    ended[static_cast<std::size_t>(state)].fetch_add(1, std::memory_order_release);
  }
};

/// The end of a task that was never accepted, and whose submitter has a future of it already.
void end_unaccepted(queued_task&& task, std::exception_ptr why) noexcept;

/// Empty: it is none.
[[nodiscard]] inline std::string_view name_of(const class_record* of_class) noexcept {
  return of_class != nullptr ? std::string_view{of_class->options.name} : std::string_view{};
}

/// The pool itself: accept() on one side, what a worker needs on the other.
///
/// A task's way   accept() -> channel, or a worker's own_tasks -> worker::next() -> runner::run()
///                -> completion
/// Invariants
///   I1  a task is counted as accepted before or when it can be seen (half of a join(): when
///       another worker takes it), and as settled after its end was told. So who sums up what has
///       settled first, and what was accepted then, never sees fewer tasks inside than there are.
///   I2  once `cancels` is set and a heavy_barrier() has passed after that, no task starts.
///   I3  put_off_ is closed before channel_ is: who finds the channel closed and then put_off_
///       empty has seen the last task.
/// Lifetime  held by the worker_pool, by each worker's thread, and by a call of accept() that waits
///           or calls what is not ours; before and after that the call is a visit, which the
///           worker_pool's destructor awaits: so the worker_pool may go while any of them is still
///           on its way out (promise P11).
class pool_core : public std::enable_shared_from_this<pool_core> {
 public:
  explicit pool_core(pool_options options);
  ~pool_core();
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // ---- the submitter's side
  /// \param  task  moved from if it is accepted, else left as it was.
  std::expected<void, submit_errc> accept(queued_task& task, unsigned lane, const admission& how);
  std::size_t accept_bulk(std::span<queued_task> tasks, unsigned lane);
  /// For a task whose time has come. Never waits for room: where there is none it is put off.
  std::expected<void, submit_errc> accept_due(queued_task& task, unsigned lane);
  std::expected<void, submit_errc> accept_later(queued_task& task, unsigned lane, time_point due);
  std::expected<void, submit_errc> repeat(std::shared_ptr<detail::repeated_task> task,
                                          unsigned lane, duration period);
  void forget(detail::repeated_task& task) noexcept;

  /// What a task gets that is submitted now: see stamp.hpp.
  [[nodiscard]] time_point stamp_now(unsigned lane) const noexcept {
    const time_point measured = stamp_kept(lane);
    return measured != time_point{} ? measured : stamp::coarse(options_.time->coarse_now());
  }
  /// The same for one that does not go through the channel: what is not measured needs no time.
  [[nodiscard]] time_point stamp_kept(unsigned lane) const noexcept {
    unsigned& unmeasured = detail::unmeasured_of_this_thread;
    if (unmeasured == 0 || conditions_.any_of(measure_each)) [[unlikely]]
      return measured_stamp(lane);
    --unmeasured;
    return time_point{};
  }

  // ---- the workers' side
  [[nodiscard]] task_channel<queued_task>& channel() noexcept { return channel_; }
  [[nodiscard]] crew& workers() noexcept { return crew_; }
  [[nodiscard]] idle_workers& idle() noexcept { return idle_; }
  [[nodiscard]] own_tasks_of_all& kept() noexcept { return kept_; }
  /// Who is at work for the low lanes: see pool_options::reserved_workers.
  [[nodiscard]] lane_limit& low_work() noexcept { return low_work_; }
  /// One is not any more. Not to be called under a lock, nor is the next.
  void leave_low_work() noexcept {
    if (low_work_.leave()) [[unlikely]]
      crew_.low_work_has_changed();
  }
  /// It looks for no other task just now.
  void left_low_work() noexcept;
  /// Of the workers that may work so many may at once be at work for the low lanes, but for those
  /// reserved.
  void limit_low_work(std::size_t workers) noexcept;
  [[nodiscard]] deadline_stops& stops() noexcept { return stops_; }
  [[nodiscard]] breaker_gate& breakers() noexcept { return breakers_; }
  [[nodiscard]] watchdog& watch() noexcept { return watch_; }
  /// As at construction: what may change is in changeable(), or with whom it concerns.
  [[nodiscard]] const pool_options& options() const noexcept { return options_; }
  [[nodiscard]] const settings& changeable() const noexcept { return settings_; }
  [[nodiscard]] pool_conditions& conditions() noexcept { return conditions_; }
  [[nodiscard]] bool paused() const noexcept { return is(pool_conditions::pauses); }
  [[nodiscard]] const atomic<bool>& cancelling() const noexcept { return cancelling_; }

  /// Whether the tasks that were measured of late ran for at most a microsecond.
  [[nodiscard]] bool tasks_are_short() const noexcept { return !is(pool_conditions::long_tasks); }
  /// Whether tasks are short and another worker is at them: then the calling worker need not be, as
  /// long as it looks now and then.
  [[nodiscard]] bool others_are_awake() const noexcept {
    // Of a closed pool those who are awake may have ended.
    return !is(pool_conditions::closes) && tasks_are_short() && capacity() >= worth_a_batch &&
           idle_.asleep() + 1 < crew_.live();
  }
  static constexpr std::size_t worth_a_batch = 64;  // places

  /// How often short tasks were taken from the channel, by anybody: shows that somebody is at it.
  [[nodiscard]] std::uint32_t takes() const noexcept {
    return takes_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] time_cells& times() noexcept { return times_; }
  /// A task starts that is not the first attempt.
  void count_retry(class_record* of_class) noexcept {
    // relaxed: a count, read by people.
    (of_class != nullptr ? of_class->retries : retries_).fetch_add(1, std::memory_order_relaxed);
  }
  void count_take() noexcept { takes_.fetch_add(1, std::memory_order_relaxed); }

  /// The capacity of the channel. A hint: the channel decides.
  [[nodiscard]] std::size_t capacity() const noexcept {
    return capacity_.load(std::memory_order_relaxed);
  }
  /// From here on tasks are measured one in a few, or all.
  void sample(bool few) noexcept { set(pool_conditions::long_tasks, !few); }
  /// What crew knows of its numbers.
  void show_workers(bool surplus, bool may_grow) noexcept {
    set(pool_conditions::surplus, surplus);
    set(pool_conditions::may_grow, may_grow);
  }
  /// What breaker_gate knows: whether the pool's own breaker is to be asked.
  void show_asks_breaker(bool so) noexcept { set(pool_conditions::asks_breaker, so); }
  /// How many tasks have succeeded, of which the pool's own breaker is told.
  [[nodiscard]] std::uint64_t succeeded_without_breaker();
  /// What worker_limit knows: whether it is worth while to call it.
  void show_may_scale(bool so) noexcept { set(pool_conditions::may_scale, so); }
  [[nodiscard]] bool is_steered() const noexcept { return worker_limit_.is_steered(); }
  [[nodiscard]] bool may_shrink() { return worker_limit_.may_shrink(); }
  /// See timers.
  bool set(alarm& which, time_point due) noexcept { return later_.set(which, due); }
  void add(alarm& added) { later_.add(added); }

  /// What the pool has to do, and has done.
  struct load {
    std::size_t waiting;   ///< tasks; but for those whose serial key is held
    duration oldest_wait;  ///< of those of them in the channel, or put off
    std::uint64_t accepted;
    std::uint64_t settled;
    duration ran;  ///< for so long those that settled ran, all together
  };
  [[nodiscard]] load load_now();

  /// Whether a worker would find something to do: a task, or the end of the pool.
  [[nodiscard]] bool work_visible();
  /// The same without the end, for whose sake nobody is started.
  [[nodiscard]] bool task_visible();

  /// Something waits: wakes an idle worker, or starts one if the crew may grow.
  void wake_for_work();

  /// Keeps a task that found the channel full, and that its submitter, a worker, may neither wait
  /// for nor run inside yet another. Not bounded by the capacity, but by what running tasks submit.
  /// Any worker takes it. \return false if the pool is closed; `task` is then as it was.
  [[nodiscard]] bool put_off(queued_task& task, unsigned lane, time_point submitted);
  /// \param  entered  see task_channel::try_take().
  /// \param  lane     set to the task's, if not null.
  [[nodiscard]] std::optional<waiting_task> take_put_off(bool* entered = nullptr,
                                                         std::size_t* lane = nullptr);
  /// Whether take_put_off() may find something. Who has found the channel closed may trust a no
  /// (I3).
  [[nodiscard]] bool any_put_off() const noexcept { return put_off_count_.load() > 0; }
  /// The newest of them, if there are many, and more than the channel may hold.
  [[nodiscard]] std::optional<waiting_task> take_put_off_surplus();

  /// For a task that runs without having been taken from a channel. \return whether its key was
  /// free.
  [[nodiscard]] bool acquire_serial(const queued_task& task);
  /// A task of this key has run: the next one may be taken.
  void release_serial(const serial_key& key);

  /// No task of this key, a class's, is taken until let_go(); but by who waits for it.
  void hold_back(const serial_key& key) { serial_keys_.hold_back(key); }
  void let_go(const serial_key& key);
  /// One that was taken and has such a key waits again, where it was. Its key is released.
  /// \throws std::bad_alloc; nothing has changed.
  void put_back(queued_task& task, time_point submitted);
  /// One was taken: so that it can be put back.
  static void note_place(queued_task& taken, const arrival& when, bool was_put_off) noexcept;

  /// Takes a task that reports to `owner`, the newest, out of the channel or of what was put off.
  /// One that has a serial key comes after those without; and so does each that is before it by
  /// that key, if that is free.
  /// \param  is_it  set to false where it is one of the latter: then there may be more.
  [[nodiscard]] std::optional<waiting_task> take_owned_by(const void* owner, bool& is_it);
  /// A task that waits, as who looks for deadlocks sees it.
  struct waiting_info {
    std::optional<millpool::serial_key> serial_key;
    const class_record* of_class;
  };
  /// Looks for a task that reports to `owner`, in the channel and in what was put off.
  /// \param  also_kept  and in what workers keep. REQUIRES: no thread of the pool does anything but
  ///                    wait, and crew's lock is held.
  [[nodiscard]] std::optional<waiting_info> look_for_waiting(const void* owner,
                                                             bool also_kept = false);
  /// Whether `wanted(key)` holds for the serial key of one that reports to `owner`, and waits
  /// there.
  template <class Predicate>
  [[nodiscard]] bool any_waits_for_key(const void* owner, Predicate wanted) {
    const auto is_it = [&](const queued_task& task) {
      const task_extras* const asked = task.extras();
      // Of a class with room for several, another one may end.
      return asked != nullptr && asked->serial_key && asked->serial_key->most == 1 &&
             task.owner() == owner && wanted(*asked->serial_key);
    };
    return channel_.any_waits(is_it) || (any_put_off() && put_off_.any_waits(is_it));
  }
  /// Whether a task that waits may end unstarted, by a submission or by the cancel step. That an
  /// overload may end it, too, is no reason to wait for one.
  [[nodiscard]] bool takes_away() const noexcept {
    return conditions_.any_of(pool_conditions::displaces | pool_conditions::cancels);
  }
  void report_deadlock(const deadlock_info& info) const;

  /// See worker_pool::fork().
  [[nodiscard]] own_tasks* fork(const task_kind& kind, completion& half);

  // ---- how tasks end
  /// Counts and tells the end of a task that never ran.
  void end_outside(queued_task&& task, time_point submitted, task_state state) noexcept;
  void count_outside(task_state state, class_record* of_class) noexcept;
  void settle_outside() noexcept;  ///< the end of a task counted there was told
  /// Something has settled, and light_barrier() came after: somebody may wait for that.
  void settled_something() noexcept {
    if (is(pool_conditions::awaited)) look_whether_quiet();
  }
  void report_end(const class_record* of_class, task_state state, duration waited,
                  duration ran) const noexcept;
  void report_wait(const queued_task& task, task_state state) const noexcept;
  void report_unhandled(std::exception_ptr error, const class_record* of_class) const noexcept;

  // ---- the operator's side
  task_class add_class(task_class_options options);
  void start();
  void resize(std::size_t minimum, std::size_t maximum);
  std::size_t prestart(std::size_t workers);
  void set_queue_capacity(std::size_t capacity);
  void pause() noexcept;
  void resume() noexcept;
  std::vector<purged_task> purge();
  [[nodiscard]] pool_stats stats();
  bool wait_idle(time_point deadline);
  [[nodiscard]] double pressure(std::size_t lane) noexcept;

  // ---- what may change of the options (reconfigure.cpp)
  [[nodiscard]] pool_options options_in_force() const;
  [[nodiscard]] shutdown_plan plan_at_destruction() const noexcept;
  /// \return `wanted`, but with what never changes as it is in this pool.
  /// \throws std::invalid_argument that begins with `who`, if `wanted` has that otherwise.
  [[nodiscard]] pool_options with_what_stays(const pool_options& wanted,
                                             const std::string& who) const;
  /// \param  wanted  comes from with_what_stays(), and no option in it is bad.
  std::vector<option_change> reconfigure(const pool_options& wanted);

  // ---- the four steps (shutdown.cpp)
  void close() noexcept;
  bool drain(duration limit);
  bool cancel(duration limit);
  std::size_t abandon();
  /// \param  for_good  the pool is being destroyed: a calling worker's own thread is let go, too.
  shutdown_report shutdown(const shutdown_plan& plan, bool for_good);

  /// Whether this process is a fork of the one that made the pool.
  [[nodiscard]] bool forked() const noexcept;
  /// For a fork: nothing of the pool can be taken apart here, since its threads do not exist and
  /// its locks may be held by them for ever.
  void keep_for_ever() noexcept { kept_for_ever_ = shared_from_this(); }

 private:
  static constexpr std::uint32_t may_be_more =
      pool_conditions::may_grow | pool_conditions::may_scale | pool_conditions::may_shed;
  static constexpr std::uint32_t measure_each =
      pool_conditions::exact_times | pool_conditions::long_tasks;
  [[nodiscard]] time_point measured_stamp(unsigned lane) const noexcept;
  [[nodiscard]] bool is(pool_conditions::bit which) const noexcept {
    return conditions_.any_of(which);
  }
  void set(pool_conditions::bit which, bool on) noexcept {
    on ? conditions_.set(which) : conditions_.clear(which);
  }
  void look_whether_quiet() noexcept;
  void left_put_off(std::size_t count) noexcept;
  void end_pause() noexcept;
  void resume_for_good() noexcept;  // the end of the pool has begun
  struct task_in_lane {
    queued_task task;
    arrival when;
  };
  // Adds to `all`, which is the caller's also when this throws std::bad_alloc.
  void take_all_waiting(std::vector<task_in_lane>& all);
  void await_empty_hands();
  void add_up_classes(pool_stats& into);
  void add_up_times(pool_stats& into) const;
  [[nodiscard]] std::uint64_t unsettled();  // I1
  [[nodiscard]] std::uint64_t settled();
  [[nodiscard]] std::uint64_t accepted();
  [[nodiscard]] duration age_of(const std::optional<time_point>& came) const;
  [[nodiscard]] duration waited_since(time_point submitted) const noexcept;
  [[nodiscard]] std::shared_ptr<pool_core> kept_alive();
  [[nodiscard]] bool is_asked_for(const queued_task& task) const noexcept {
    constexpr std::uint32_t asks =
        pool_conditions::asks_first | pool_conditions::asks_breaker | pool_conditions::sheds;
    if (conditions_.any_of(asks)) [[unlikely]]
      return true;
    const task_extras* const asked = task.extras();
    if (asked == nullptr) [[likely]]
      return false;
    if (has_spans(options_, asked)) return true;
    return is(pool_conditions::judged) && asked->of_class != nullptr && asked->of_class->asks();
  }
  [[nodiscard]] std::optional<submit_errc> refusal_of(const queued_task& task, unsigned lane);
  [[nodiscard]] bool is_shed(std::size_t lane) noexcept;
  [[nodiscard]] std::expected<bool, submit_errc> take_a_lower_place(queued_task& task,
                                                                    unsigned lane);
  std::expected<void, submit_errc> ask_first(queued_task& task, unsigned lane,
                                             const admission& how);
  std::expected<void, submit_errc> accept_admitted(queued_task& task, unsigned lane,
                                                   const admission& how);
  std::expected<void, submit_errc> accept_unpushed(queue_status pushed, queued_task& task,
                                                   unsigned lane, const admission& how);
  // Returns whether that is enough; else grow() is to follow.
  // \param  waiting  how many tasks wait, as far as the caller knows.
  [[nodiscard]] bool wake_one(std::size_t waiting) noexcept {
    light_barrier();  // idle_workers
    // relaxed: the barrier orders it.
    const bool all_at_work = idle_.state().load(std::memory_order_relaxed) == 0;
    if (all_at_work && !conditions_.any_of(may_be_more)) [[likely]]
      return true;
    return wake_an_idle_one(waiting);
  }
  [[nodiscard]] bool wake_an_idle_one(std::size_t waiting) noexcept;
  void grow();
  std::expected<void, submit_errc> accept_when_full(queued_task& task, unsigned lane,
                                                    const admission& how);
  std::expected<void, submit_errc> accept_by(full_rule rule, queued_task& task, unsigned lane);
  std::expected<void, submit_errc> wait_for_room(const full_rule* by, queued_task& task,
                                                 unsigned lane, time_point deadline,
                                                 const std::stop_token& stop);
  std::expected<void, submit_errc> run_in_caller(full_rule by, queued_task& task, unsigned lane);
  void run_in_caller_for_want_of_workers();
  template <class Run>  // calls run(runner&) with the calling thread's runner, or as a guest
  bool guest_run(Run run);
  std::expected<void, submit_errc> displace_for(queued_task& task, unsigned lane, displace who);
  std::expected<void, submit_errc> discard(queued_task& task);
  std::unexpected<submit_errc> refuse(submit_errc why) noexcept;

  void change_capacity(std::size_t capacity);
  void rule_has_changed() noexcept;
  void meet_worker_bounds();
  void remember(const pool_options& options);

  const pool_options options_;
  settings settings_;
  const std::uint32_t fork_generation_;

  pool_conditions conditions_;
  // Read often, too, and hardly ever written.
  atomic<bool> cancelling_{false};  // the same as `cancels`
  atomic<std::size_t> capacity_{0};

  alignas(cache_line_size) atomic<std::uint32_t> takes_{0};

  alignas(cache_line_size) serial_keys serial_keys_;  // shared by the two channels
  lane_limit low_work_;                               // the same
  task_channel<queued_task> channel_;
  task_channel<queued_task> put_off_;
  // Raised before the push: zero means that put_off_ is empty.
  atomic<std::size_t> put_off_count_{0};
  own_tasks_of_all kept_;
  time_cells times_;
  idle_workers idle_;
  crew crew_;
  timers later_;
  worker_limit worker_limit_;
  load_shedder shedder_;
  deadline_stops stops_;
  watchdog watch_;
  breaker_gate breakers_;
  mutex pause_mutex_;
  bool ending_ = false;  // guarded by pause_mutex_: drain() or cancel() has begun, so no pause

  // What is counted by threads that are no runners.
  atomic<std::uint64_t> forked_halves_{0};  // accepted in order to be ended: see join()
  std::array<atomic<std::uint64_t>, task_state_count> ended_outside_{};
  std::array<atomic<std::uint64_t>, submit_errc_count> refused_{};
  atomic<std::uint64_t> retries_{0};

  atomic<std::uint64_t> settled_outside_{0};

  // Waiting until few enough tasks are unsettled (I1).
  mutex quiet_mutex_;
  condition_variable quiet_;
  std::uint64_t quiet_excused_ = 0;  // guarded by quiet_mutex_: tasks that are in wait_idle()
  std::size_t quiet_waiters_ = 0;    // guarded by quiet_mutex_

  mutable mutex options_mutex_;
  pool_options in_force_;  // guarded by options_mutex_: only what may change, no hooks

  mutable mutex classes_mutex_;
  std::deque<class_record> classes_;  // guarded by classes_mutex_; records never move

  mutex shutdown_mutex_;
  std::optional<shutdown_report> report_;  // guarded by shutdown_mutex_

  std::shared_ptr<pool_core> kept_for_ever_;
};

}  // namespace millpool
