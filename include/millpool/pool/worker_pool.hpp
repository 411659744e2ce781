// Layer 3 · pool: where work comes in. Next stop: pool/task.hpp.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/pool/option_change.hpp"
#include "millpool/pool/own_tasks.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/pool_stats.hpp"
#include "millpool/pool/repeated_task.hpp"
#include "millpool/pool/shutdown.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/pool/task_options.hpp"
#include "millpool/result/future.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <concepts>
#include <cstddef>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool {

class pool_core;

/// How long a submission may wait for room.
struct admission {
  enum class wait : std::uint8_t { by_policy, never, until };
  wait kind = wait::by_policy;
  time_point deadline{};         ///< for `until`
  std::stop_token stop_token{};  ///< for `until`
};

/// A bounded, prioritised pool of worker threads.
///
///   millpool::worker_pool pool;
///   auto answer = pool.submit([] { return 42; });
///   pool.post([] { tidy_up(); });
///   use(answer.get());
///
/// Submitting     a task is called once, on a worker, as f(task_context&) or as f(). post() forgets
///                it, submit() gives a future. Each also takes task_options; post() and
///                submit() take a task_class instead, too. A priority above 7:
///                std::invalid_argument. An lvalue is copied, an rvalue moved; a refused task is
///                destroyed.
/// Priorities     0 is the highest, 7 the lowest, default_priority lies between.
/// Ordering       what waits in the channel is taken by priority, first in, first out within one
///                (promise P3). What a task of the pool submits may stay with its worker, which
///                runs the newest first; a worker that has nothing takes the oldest. Who needs an
///                order there gives the tasks a serial_key.
/// Full           when queue_capacity places are taken, by tasks that wait and by what workers hold
///                for those they keep, full_policy decides. A worker's submission to
///                its own pool never waits: where the policy would block, the worker runs the task
///                itself, at once, or puts it off for any worker if it is deep in such tasks (P5).
/// Exceptions     a task's never end a worker: submit() keeps it in the future, post() gives it to
///                pool_options::on_unhandled (promise P13).
/// Ends           each accepted task ends exactly once, in a task_state; stats() and
///                shutdown_report show the account (promise P1).
/// Thread safety  every member may be called concurrently, also by the pool's own tasks; the
///                constructor and destructor as usual, but threads blocked in a submission when the
///                pool is destroyed come back with `closed`, and a task may destroy its own pool.
/// Allocation     none a task once the process is warm, for closures of up to 64 bytes: those of up
///                to 16 that can be copied byte by byte and that are posted travel as they are. The
///                others, results, and what options ask for lie in blocks that are used again. A
///                worker's deque is made when it first keeps a task.
/// fork()         a child's submissions are refused as `forked`; its copy of the pool does nothing.
class worker_pool {
 public:
  using options_type = task_options;

  /// Starts the workers. \throws std::invalid_argument that names the option and its value;
  /// std::system_error if min_workers > 0 and not one thread could be started.
  explicit worker_pool(pool_options options = {});
  /// shutdown(pool_options::at_destruction): by default runs all that was accepted, and joins.
  ~worker_pool();
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  // ---- fire and forget

  /// Submits f. \return why it was refused. Ignore it where a refusal need not be known: it is
  /// counted in stats() in any case.
  template <submittable F>
  std::expected<void, submit_errc> post(F&& f) {
    if (trace_context::current() != nullptr) [[unlikely]]
      return post_traced(std::forward<F>(f));
    if constexpr (detail::fits_words<std::decay_t<F>, 16>) {
      return accept(make_plain_task<std::decay_t<F>>(f), default_priority);
    } else {
      return accept(make_task(std::forward<F>(f), {}).release(), default_priority);
    }
  }
  template <submittable F>
  std::expected<void, submit_errc> post(const task_options& options, F&& f) {
    return launch({}, options, std::forward<F>(f));
  }
  template <submittable F>
  std::expected<void, submit_errc> post(task_class cls, F&& f) {
    return post(task_options{.task_class = cls}, std::forward<F>(f));
  }

  /// Submits f if there is room. Never waits, and no other task gives way.
  template <submittable F>
  [[nodiscard]] std::expected<void, submit_errc> try_post(F&& f) {
    return try_post(task_options{}, std::forward<F>(f));
  }
  template <submittable F>
  [[nodiscard]] std::expected<void, submit_errc> try_post(const task_options& options, F&& f) {
    return launch({}, options, std::forward<F>(f), {.kind = admission::wait::never});
  }

  // ---- with a result

  /// Submits f. \return the future of what f returns; if f was refused, get() throws submit_error.
  template <submittable F>
  future<task_result<F>> submit(F&& f) {
    return submit(task_options{}, std::forward<F>(f));
  }
  template <submittable F>
  future<task_result<F>> submit(const task_options& options, F&& f) {
    auto taken = submit_with(options, {}, std::forward<F>(f));
    if (!taken) return future<task_result<F>>::refused(taken.error());
    return std::move(*taken);
  }
  template <submittable F>
  future<task_result<F>> submit(task_class cls, F&& f) {
    return submit(task_options{.task_class = cls}, std::forward<F>(f));
  }

  /// Submits f if there is room. Never waits, and no other task gives way.
  template <submittable F>
  [[nodiscard]] std::expected<future<task_result<F>>, submit_errc> try_submit(F&& f) {
    return try_submit(task_options{}, std::forward<F>(f));
  }
  template <submittable F>
  [[nodiscard]] std::expected<future<task_result<F>>, submit_errc> try_submit(
      const task_options& options, F&& f) {
    return submit_with(options, {.kind = admission::wait::never}, std::forward<F>(f));
  }

  /// Submits f, waiting for room for at most `d`, or until `t` by the pool's clock or until `stop`
  /// is requested, whatever the full_policy. \return timeout if time was up or stop was requested.
  template <submittable F>
  [[nodiscard]] std::expected<future<task_result<F>>, submit_errc> submit_for(
      duration d, F&& f, const task_options& options = {}) {
    return submit_until(deadline_after(clock().now(), d), std::forward<F>(f), {}, options);
  }
  template <submittable F>
  [[nodiscard]] std::expected<future<task_result<F>>, submit_errc> submit_until(
      time_point t, F&& f, std::stop_token stop = {}, const task_options& options = {}) {
    return submit_with(
        options, {.kind = admission::wait::until, .deadline = t, .stop_token = std::move(stop)},
        std::forward<F>(f));
  }

  // ---- many at once

  /// Submits a range of callables, moving from each: one lock and one wake-up for all that there is
  /// room for, of up to 1024 at a time; the rest as post() does, one by one. \return how many were
  /// accepted.
  template <std::ranges::input_range Range>
  requires submittable<std::ranges::range_value_t<Range>> std::size_t post_bulk(
      Range&& range, const task_options& options = {});

  /// The same with results. \return a future for each, in order; of a refused one, get() throws.
  template <std::ranges::input_range Range>
  requires submittable<std::ranges::range_value_t<Range>>
      std::vector<future<task_result<std::ranges::range_value_t<Range>>>> submit_bulk(
          Range&& range, const task_options& options = {});

  // ---- later

  /// Submits f when `d` has passed, or at `t`, by the pool's clock; with options that count from
  /// then. Only then is it a task in the pool's account. It does not wait for room: where the
  /// channel is full it is put off, in front of nothing that came before. Those of one moment are
  /// submitted in their order. Never waits. O(log n).
  /// \return the future of what f returns; get() throws submit_error if it was refused: `full`,
  ///         where pool_options::delayed_capacity is reached; `closed`, where the pool is closed
  ///         before it is due.
  /// \throws std::system_error where the thread that keeps the time cannot be started. It is
  ///         started for the first of these, and one for all of them.
  template <submittable F>
  future<task_result<F>> submit_after(duration d, F&& f, const task_options& options = {}) {
    return submit_at(deadline_after(clock().now(), d), std::forward<F>(f), options);
  }
  template <submittable F>
  future<task_result<F>> submit_at(time_point t, F&& f, const task_options& options = {});

  /// Posts f again and again: first when `period` has passed, and then each time that it passes
  /// again. It never runs twice at a time: a turn that comes while the last one is not over is left
  /// out, as are those that had passed before this thread could look.
  /// \param   period  above 0.
  /// \return  what keeps it going: f is not called again once that is gone.
  /// \throws  std::invalid_argument if the period is not above 0; submit_error where a submission
  ///          would be refused as above; std::system_error.
  template <submittable F>
  repetition every(duration period, F&& f, const task_options& options = {});

  // ---- for those who bring their own result: task_group, result_channel

  /// Submits f with `target` to be told of its end; it may be null.
  template <submittable F>
  std::expected<void, submit_errc> launch(completion_ref<completion> target,
                                          const task_options& options, F&& f,
                                          const admission& how = {}) {
    wishes asked = asked_for(options);
    return accept(make_task(std::forward<F>(f), std::move(asked.extras), std::move(target)),
                  asked.lane, how);
  }

  /// Submits f with a Target, a result_slot<T> made of `args`, to keep what f returns.
  template <class Target, submittable F, class... Args>
  std::expected<void, submit_errc> launch_into(const task_options& options, F&& f, Args&&... args) {
    wishes asked = asked_for(options);
    return accept(make_task_with_result<Target>(std::forward<F>(f), std::move(asked.extras),
                                                std::forward<Args>(args)...)
                      .first,
                  asked.lane, {});
  }

  // ---- for join()

  /// Leaves `half` where others can take it. \return whose take_back() is to follow, by this
  /// thread; the pool may be gone by then. Null: the thread runs no task of this pool, or keeps
  /// nothing.
  [[nodiscard]] own_tasks* fork(const task_kind& kind, completion& half) {
    own_tasks* const here = own_tasks::of_this_thread(core_.get());
    if (here != nullptr && here->fork(kind, half)) [[likely]]
      return here;
    return fork_somehow(kind, half);
  }

  // ---- steering

  /// Bundles options under a name. \throws std::invalid_argument naming what is wrong with them.
  task_class add_class(task_class_options options);

  /// Changes the number of workers. A worker that is one too many ends after its task, and after
  /// those that it keeps.
  /// \throws std::invalid_argument if max_workers is 0, less than min_workers, or not more than
  ///         pool_options::reserved_workers.
  void resize(std::size_t min_workers, std::size_t max_workers);

  /// Starts workers ahead of the work, so that the first tasks find them: as many as are missing
  /// up to `workers`, but no more than max_workers. Those above the minimum leave when idle for
  /// keep_alive. \return how many there are.
  std::size_t prestart(std::size_t workers);

  /// What waits beyond a smaller capacity stays. \throws std::invalid_argument if capacity is 0, or
  /// less than scaling.queue_depth_threshold where the pool is steered.
  void set_queue_capacity(std::size_t capacity);

  /// Changes options while the pool runs: all that differ from those in force, or none. It goes
  ///
  ///   millpool::pool_options wanted = pool.options();
  ///   wanted.queue_capacity = 5000;
  ///   pool.reconfigure(wanted);
  ///
  /// May change     min_workers and max_workers, queue_capacity, delayed_capacity, when_full,
  ///                block_for, keep_alive, aging, max_compensation, at_destruction; stuck_after, if
  ///                it was set from the start. An unset number of workers becomes what it would be
  ///                in a new pool.
  /// Stays          name, time, breaker, shedding, reserved_workers and reserved_priority, and the
  ///                numbers in `scaling`: they must be the pool's. The pool's functions stay
  ///                whatever `options` has in their place; but one that the pool does not have
  ///                must not be set.
  /// Takes effect   before it returns. No task is lost or stopped: what waits beyond a smaller
  ///                capacity stays, and a worker that is one too many leaves as after resize().
  ///                Submitters that wait for room decide anew by the new when_full, and block_for
  ///                counts from then; but not those of submit_for() and submit_until(). Idle
  ///                workers count a new keep_alive from then. What workers keep already is not
  ///                displaced, and the age of what waits may be some milliseconds off.
  /// Thread safety  of two calls, also of resize() and set_queue_capacity(), one comes after the
  ///                other as a whole. One submission goes by the old when_full and block_for or by
  ///                the new ones, never by one of each; all else it may see a moment late.
  /// \return what changed, in the order of pool_options; nothing in a child of fork().
  /// \throws std::invalid_argument that names the option, its value and what is wrong with it: then
  ///         nothing has changed. Threads that cannot be started go to on_thread_failure.
  std::vector<option_change> reconfigure(const pool_options& options);

  /// A copy of the options in force, with the hooks; the numbers of workers are set.
  [[nodiscard]] pool_options options() const;

  /// From here until resume() no task is taken, neither out of the channel nor from what workers
  /// keep; one that a worker was just taking may still start. Running tasks go on, and with them
  /// both calls of a join() and what a full pool's submitter must run itself. Submissions are
  /// accepted while there is room. drain(), cancel() and shutdown() resume, and once one of them
  /// has begun pause() has no effect.
  void pause() noexcept;
  /// May call pool_options::on_deadlock.
  void resume() noexcept;
  [[nodiscard]] bool is_paused() const noexcept;

  /// Takes out all that waits, counted as discarded: in a pause all of it, but for what a task that
  /// waits or joins has in its hands just then, as it looks for another, and for what a breaker
  /// holds in the hands of workers. \return the tasks, about
  /// in the order in which they would have run: by priority, and of one priority first those that
  /// workers keep. Run them, or destroy them, and their futures end as discarded.
  /// \throws std::bad_alloc; what was taken has then ended as discarded, and the rest still waits.
  std::vector<purged_task> purge();

  /// Waits until every accepted task has ended (but those in which the calling thread is). A task
  /// that calls it runs what waits meanwhile. \return false if time was up first.
  bool wait_idle() { return wait_idle_until(no_deadline); }
  bool wait_idle_for(duration d) { return wait_idle_until(deadline_after(clock().now(), d)); }
  bool wait_idle_until(time_point t);

  // ---- shutdown, in four steps; each implies those before it, and may be repeated

  /// Refuses submissions from here on; what was accepted still runs (promise P4).
  void close() noexcept;
  /// Waits, for at most `limit`, until all has run. \return whether it has.
  bool drain(duration limit = forever);
  /// What waits ends as cancelled, what runs is told to stop, and is waited for, for at most
  /// `limit`. After it returns no task starts. \return whether nothing runs any more.
  bool cancel(duration limit = forever);
  /// What runs even so ends as abandoned. \return how many tasks that were.
  std::size_t abandon();

  /// All four steps as far as needed, and joins the workers. Called again, it returns
  /// the first call's report. A task may call it: its own thread is then joined by a later call
  /// from outside, or by the destructor. A then() or on_unhandled that runs is waited for in any
  /// case.
  shutdown_report shutdown(const shutdown_plan& plan = {});

  // ---- watching

  [[nodiscard]] pool_stats stats() const;

  /// How hard it is to get in, for a caller who would rather not submit then, or not so much. 0:
  /// nothing waits. 1: a submission of that priority would be refused as `shed` or find the channel
  /// full, or what waits there does so for too long. Between, the larger part: of the capacity,
  /// what waits; and, with pool_options::shedding, of twice its target, the longest wait. With
  /// shedding only what has that priority or a higher one counts. Never waits, but for the
  /// channel's lock. Old when it returns; the wait by half a target.
  /// \param  priority  the lowest: of the whole pool. \throws std::invalid_argument if above 7.
  [[nodiscard]] double pressure(unsigned priority = lane_count - 1) const;
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const millpool::clock& clock() const noexcept;

  /// Whether the calling thread is running a task of this pool.
  [[nodiscard]] bool is_own_thread() const noexcept;

 private:
  /// A submission's options, with those of its class.
  struct wishes {
    unsigned lane;
    task_extras_ptr extras;  ///< null: nothing but the lane
  };
  // What a compiler knows to be the default costs nothing.
  [[nodiscard]] wishes asked_for(const task_options& options) const {
    const bool something = options.priority || options.timeout || options.start_by ||
                           options.deadline || options.serial_key || options.fair_key ||
                           options.stop_token.stop_possible() || options.attempt != 1 ||
                           options.task_class.record_ != nullptr ||
                           trace_context::current() != nullptr;
    if (!something) return {default_priority, nullptr};
    return asked_for_something(options, clock(), {});
  }
  // \param  later  from now: when it is submitted.
  [[nodiscard]] static wishes asked_for_something(const task_options& options,
                                                  const millpool::clock& time, duration later);

  template <submittable F>
  std::expected<future<task_result<F>>, submit_errc> submit_with(const task_options& options,
                                                                 const admission& how, F&& f);
  // Apart, so that post() needs no frame for it.
  template <submittable F>
  [[gnu::noinline]] std::expected<void, submit_errc> post_traced(F&& f) {
    return post(task_options{}, std::forward<F>(f));
  }
  // Takes over the task that the words are. It waits as the policy says.
  std::expected<void, submit_errc> accept(const task_words& task, unsigned lane) {
    // The worker whose thread this is keeps the core alive, whatever becomes of this.
    own_tasks* const here = own_tasks::of_this_thread(core_.get());
    if (here != nullptr && here->keep(task, lane)) [[likely]]
      return {};
    return accept_somehow(task, lane);
  }
  std::expected<void, submit_errc> accept(queued_task&& task, unsigned lane, const admission& how) {
    if (how.kind == admission::wait::by_policy) return accept(task.release(), lane);
    return accept_somehow(std::move(task), lane, how);
  }
  std::expected<void, submit_errc> accept_somehow(task_words task, unsigned lane);
  std::expected<void, submit_errc> accept_somehow(queued_task&& task, unsigned lane,
                                                  const admission& how);
  [[nodiscard]] own_tasks* fork_somehow(const task_kind& kind, completion& half);
  std::expected<void, submit_errc> accept_later(queued_task&& task, unsigned lane, time_point due);
  repetition repeat(std::shared_ptr<detail::repeated_task> task, unsigned lane, duration period);
  static std::size_t accept_bulk(pool_core& core, std::vector<queued_task>& tasks, unsigned lane);

  static constexpr std::size_t bulk_max = 1024;  // so that a long, lazy range needs no memory (P14)

  std::shared_ptr<pool_core> core_;
};

// -------------------------------------------------------------------------------------------------

template <submittable F>
std::expected<future<task_result<F>>, submit_errc> worker_pool::submit_with(
    const task_options& options, const admission& how, F&& f) {
  using T = task_result<F>;
  wishes asked = asked_for(options);
  auto [task, state] = make_task_with_result<result_state<T>>(
      std::forward<F>(f), std::move(asked.extras), clock(), nullptr, result_state<T>::with_future);
  future<T> result{completion_ref<result_state<T>>{state}};
  auto accepted = accept(std::move(task), asked.lane, how);
  if (!accepted) return std::unexpected{accepted.error()};
  return result;
}

template <submittable F>
future<task_result<F>> worker_pool::submit_at(time_point t, F&& f, const task_options& options) {
  using T = task_result<F>;
  wishes asked = asked_for_something(options, clock(), t - clock().now());
  auto [task, state] = make_task_with_result<result_state<T>>(
      std::forward<F>(f), std::move(asked.extras), clock(), nullptr, result_state<T>::with_future);
  future<T> result{completion_ref<result_state<T>>{state}};
  const auto taken = accept_later(std::move(task), asked.lane, t);
  if (!taken) return future<T>::refused(taken.error());
  return result;
}

template <submittable F>
repetition worker_pool::every(duration period, F&& f, const task_options& options) {
  auto extras = [options, &time = clock()] {
    return asked_for_something(options, time, {}).extras;
  };
  return repeat(
      std::make_shared<detail::repeated<std::decay_t<F>>>(std::forward<F>(f), std::move(extras)),
      asked_for(options).lane, period);
}

template <std::ranges::input_range Range>
requires submittable<std::ranges::range_value_t<Range>> std::size_t worker_pool::post_bulk(
    Range&& range, const task_options& options) {
  const std::shared_ptr<pool_core> core = core_;  // the pool may be destroyed while this waits
  std::size_t accepted = 0;
  std::vector<queued_task> tasks;
  for (auto&& f : range) {
    wishes asked = asked_for(options);
    tasks.push_back(make_task(std::move(f), std::move(asked.extras)));
    if (tasks.size() == bulk_max) {
      accepted += accept_bulk(*core, tasks, asked.lane);
      tasks.clear();
    }
  }
  if (tasks.empty()) return accepted;
  return accepted + accept_bulk(*core, tasks, asked_for(options).lane);
}

template <std::ranges::input_range Range>
requires submittable<std::ranges::range_value_t<Range>>
    std::vector<future<task_result<std::ranges::range_value_t<Range>>>> worker_pool::submit_bulk(
        Range&& range, const task_options& options) {
  using F = std::ranges::range_value_t<Range>;
  using T = task_result<F>;
  const std::shared_ptr<pool_core> core = core_;  // as in post_bulk()
  const millpool::clock& time = clock();
  std::vector<queued_task> tasks;
  std::vector<future<T>> futures;
  unsigned lane = default_priority;
  for (auto&& f : range) {
    wishes asked = asked_for(options);
    lane = asked.lane;
    auto [task, state] = make_task_with_result<result_state<T>>(
        F{std::move(f)}, std::move(asked.extras), time, nullptr, result_state<T>::with_future);
    futures.emplace_back(completion_ref<result_state<T>>{state});
    tasks.push_back(std::move(task));
    if (tasks.size() == bulk_max) {
      (void)accept_bulk(*core, tasks, lane);
      tasks.clear();
    }
  }
  if (!tasks.empty()) (void)accept_bulk(*core, tasks, lane);
  return futures;
}

}  // namespace millpool
