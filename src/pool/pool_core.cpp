// A task's way in, and what it meets there. Next stop: worker.cpp.
#include "src/pool/pool_core.hpp"

#include "millpool/sync/thread_host.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <limits>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace millpool {
namespace {

// How many forks lie between the first process and this one. A pool of an earlier one has no
// workers here.
atomic<std::uint32_t> fork_generation{0};

std::uint32_t current_fork_generation() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    fork_generation.fetch_add(1, std::memory_order_relaxed);  // relaxed: a child has one thread
  });
  static_cast<void>(registered);
  return fork_generation.load(std::memory_order_relaxed);
}

std::string_view name_of(const class_record* of_class) noexcept {
  return of_class != nullptr ? std::string_view{of_class->options.name} : std::string_view{};
}

}  // namespace

pool_core::pool_core(pool_options options)
    : options_{std::move(options)},
      fork_generation_{current_fork_generation()},
      channel_{options_.queue_capacity, options_.aging, *options_.time, &serial_keys_},
      put_off_{std::numeric_limits<std::size_t>::max(), options_.aging, *options_.time,
               &serial_keys_},
      crew_{*this} {}

pool_core::~pool_core() = default;

bool pool_core::forked() const noexcept {
  return fork_generation.load(std::memory_order_relaxed) != fork_generation_;
}

// ---- the submitter's side
// ---------------------------------------------------------------------------

void pool_core::fill_in(queued_task& task, const task_options& options) const {
  class_record* const of_class = options.task_class.record_;
  static const task_class_options no_wishes;
  const task_class_options& defaults = of_class != nullptr ? of_class->options : no_wishes;
  const unsigned lane = options.priority.value_or(defaults.priority);
  if (lane >= lane_count) {
    throw std::invalid_argument{"task_options.priority: 0 (the highest) to 7, is " +
                                std::to_string(lane)};
  }
  task.lane = lane;
  task.of_class = of_class;
  task.stop_token = options.stop_token;
  task.attempt = options.attempt;
  task.serial_key = options.serial_key;
  task.fair_key = options.fair_key;
  task.submitted = options_.time->now();
  task.deadline = options.deadline.value_or(no_deadline);
  task.timeout = options.timeout ? *options.timeout : defaults.timeout.value_or(duration::max());
  const std::optional<duration> start_by = options.start_by ? options.start_by : defaults.start_by;
  if (start_by) task.start_by = deadline_after(task.submitted, *start_by);
}

/// So many submissions that are being decided (I1). What is left of `count` at the end was not
/// accepted: it was refused, or an exception came between.
struct pool_core::claim {
  claim(pool_core& of, std::int64_t submissions) noexcept : core{of}, count{submissions} {
    core.unsettled_.fetch_add(count);  // seq_cst, as in settle(): see wait_idle()
  }
  ~claim() {
    if (count > 0) core.settle(count);
  }
  claim(const claim&) = delete;
  claim& operator=(const claim&) = delete;

  pool_core& core;
  std::int64_t count;
};

std::expected<void, submit_errc> pool_core::accept(queued_task& task, const admission& how) {
  if (forked()) return refuse(submit_errc::forked);
  if (options_.admit) {
    if (const auto why = options_.admit({options_.name, name_of(task.of_class), task.lane})) {
      return refuse(*why);
    }
  }
  claim undecided{*this, 1};
  std::expected<void, submit_errc> accepted;
  switch (channel_.try_push(std::move(task), task.where())) {
    case queue_status::success:
      wake_for_work();
      break;
    case queue_status::full:
      accepted = accept_when_full(task, how);
      break;
    default:
      accepted = std::unexpected{submit_errc::closed};
  }
  if (!accepted) return refuse(accepted.error());
  undecided.count = 0;
  return accepted;
}

std::expected<void, submit_errc> pool_core::accept_when_full(queued_task& task,
                                                             const admission& how) {
  runner* const self = runner::of(*this);
  const auto wait_or_run = [&](time_point deadline) -> std::expected<void, submit_errc> {
    if (self != nullptr) return run_in_caller(task);  // P5: a worker never waits for its own pool
    return wait_for_room(task, deadline, how.stop_token);
  };
  if (how.kind == admission::wait::never) return std::unexpected{submit_errc::full};
  if (how.kind == admission::wait::until) return wait_or_run(how.deadline);
  switch (options_.when_full) {
    case full_policy::block:
      return wait_or_run(no_deadline);
    case full_policy::block_for:
      return wait_or_run(deadline_after(options_.time->now(), options_.block_for));
    case full_policy::caller_runs:
      return run_in_caller(task);
    case full_policy::discard_oldest:
      return displace_for(task, displace::oldest);
    case full_policy::discard_lowest:
      return displace_for(task, displace::lowest);
    case full_policy::discard_newest:
      return discard(task);
    case full_policy::reject:
      break;
  }
  return std::unexpected{submit_errc::full};
}

std::expected<void, submit_errc> pool_core::wait_for_room(queued_task& task, time_point deadline,
                                                          const std::stop_token& stop) {
  queue_status status{};
  {
    const blocking_region blocked;  // a worker of another pool may stand here
    status = channel_.push_until(std::move(task), task.where(), deadline, stop);
  }
  if (status == queue_status::closed) return std::unexpected{submit_errc::closed};
  if (status == queue_status::timeout) return std::unexpected{submit_errc::timeout};
  wake_for_work();
  return {};
}

std::expected<void, submit_errc> pool_core::run_in_caller(queued_task& task) {
  // Its key may be held, and so may its caller's next one's: whoever can wait does.
  if (task.serial_key && runner::of(*this) == nullptr) return wait_for_room(task, no_deadline, {});
  if (!guest_run([&](runner& self) { return self.run_here(task); })) {
    return std::unexpected{submit_errc::closed};
  }
  return {};
}

std::expected<void, submit_errc> pool_core::displace_for(queued_task& task, displace who) {
  auto victim = channel_.push_displacing(std::move(task), task.where(), who);
  if (!victim && victim.error() == queue_status::full) return discard(task);
  if (!victim) return std::unexpected{submit_errc::closed};
  if (*victim) end_outside(std::move(**victim), task_state::discarded);
  wake_for_work();
  return {};
}

std::expected<void, submit_errc> pool_core::discard(queued_task& task) {
  accepted_outside_.fetch_add(1);
  end_outside(std::move(task), task_state::discarded);
  return {};
}

std::unexpected<submit_errc> pool_core::refuse(submit_errc why) noexcept {
  // relaxed: a count, read by people.
  refused_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  return std::unexpected{why};
}

std::size_t pool_core::accept_bulk(std::span<queued_task> tasks, const admission& how) {
  std::size_t accepted = 0;
  while (!tasks.empty()) {
    std::size_t fitted = 0;
    if (!forked() && !options_.admit) {  // the hook is asked for one at a time
      claim undecided{*this, static_cast<std::int64_t>(tasks.size())};
      fitted = channel_.push_bulk(tasks, [](const queued_task& task) { return task.where(); });
      undecided.count -= static_cast<std::int64_t>(fitted);
      if (fitted > 0) wake_for_work();
    }
    accepted += fitted;
    tasks = tasks.subspan(fitted);
    if (tasks.empty()) break;
    // No room: the next one goes the way of a single submission, which waits as the policy says.
    queued_task& next = tasks.front();
    if (const auto taken = accept(next, how)) {
      ++accepted;
    } else if (next.completion) {
      next.body.reset();
      next.completion->fail(std::make_exception_ptr(submit_error{taken.error()}));
      next.completion->complete(task_state::discarded);
    }
    tasks = tasks.subspan(1);
  }
  return accepted;
}

void pool_core::resize(std::size_t minimum, std::size_t maximum) {
  if (forked()) return;
  crew_.resize(minimum, maximum);
  if (work_visible()) wake_for_work();  // there may be room for a worker that was missing
}

void pool_core::set_queue_capacity(std::size_t capacity) {
  if (!forked()) channel_.set_capacity(capacity);
}

// ---- the workers' side
// ------------------------------------------------------------------------------

bool pool_core::work_visible() const {
  // By the lock, also of put_off_: idle.hpp says why.
  if (paused()) return false;
  return channel_.can_take() || put_off_.can_take() || (channel_.is_at_its_end() && !any_put_off());
}

void pool_core::wake_for_work() {
  // A submitter that reads "paused" skips the wake. resume() clears it and then wakes everybody;
  // the channel's lock, taken by our push and by their look, decides who comes second and sees the
  // other.
  if (paused()) return;
  if (idle_.wake_one() || !crew_.may_grow()) return;
  if (!crew_.grow() && crew_.is_empty()) run_in_caller_for_want_of_workers();
}

// No worker exists and none can be started: what was accepted is run by whoever comes by (P15).
void pool_core::run_in_caller_for_want_of_workers() {
  guest_run([this](runner& guest) {
    while (guest.run_one_waiting() && crew_.is_empty()) {
    }
    return true;
  });
}

template <class Run>
bool pool_core::guest_run(Run run) {
  if (runner* const self = runner::of(*this)) return run(*self);
  runner guest{*this, runner::role::guest};
  crew_.add_guest(guest);
  guest.install();
  const bool done = run(guest);
  guest.resign();
  crew_.remove_guest(guest);
  return done;
}

bool pool_core::put_off(queued_task& task) {
  put_off_count_.fetch_add(1);
  if (put_off_.try_push(std::move(task), task.where()) != queue_status::success) {
    left_put_off(1);
    return false;
  }
  wake_for_work();
  return true;
}

// So many are not put off any more.
void pool_core::left_put_off(std::size_t count) noexcept {
  // A worker that found the channel at its end may sleep only because these were still counted.
  if (put_off_count_.fetch_sub(count) == count && channel_.is_closed()) idle_.wake_all();
}

std::optional<queued_task> pool_core::take_put_off() {
  if (!any_put_off()) return std::nullopt;
  auto task = put_off_.try_pop();
  if (!task) return std::nullopt;
  left_put_off(1);
  return std::move(*task);
}

std::optional<queued_task> pool_core::take_put_off_surplus() {
  // Tasks that submit themselves for ever are few, and must not keep a worker from the channel.
  constexpr std::size_t few = 1024;
  if (put_off_count_.load() <= std::max(options_.queue_capacity, few)) return std::nullopt;
  auto task = put_off_.take_newest_if([](const queued_task&) { return true; });
  if (task) left_put_off(1);
  return task;
}

std::optional<queued_task> pool_core::take_owned_by(const void* owner) {
  const auto is_it = [&](const queued_task& task) { return task.owner() == owner; };
  auto task = channel_.take_newest_if(is_it);
  if (!task && any_put_off()) {
    task = put_off_.take_newest_if(is_it);
    if (task) left_put_off(1);
  }
  return task;
}

std::vector<queued_task> pool_core::take_all_waiting() {
  std::vector<queued_task> all = channel_.take_all();
  std::vector<queued_task> others = put_off_.take_all();
  if (!others.empty()) left_put_off(others.size());
  std::ranges::move(others, std::back_inserter(all));
  return all;
}

bool pool_core::acquire_serial(const queued_task& task) {
  return !task.serial_key || serial_keys_.try_acquire(*task.serial_key);
}

void pool_core::release_serial(std::uint64_t key) {
  if (channel_.release(key, &put_off_)) wake_for_work();
  if (channel_.is_closed())
    idle_.wake_all();  // it may be at its end, now that this one is not blocked
}

// ---- how tasks end
// ----------------------------------------------------------------------------------

void pool_core::end_unstarted(queued_task&& task, task_state state) noexcept {
  task.body.reset();  // P2
  if (task.completion) task.completion->complete(state);
  settle(1);
}

void pool_core::end_outside(queued_task&& task, task_state state) noexcept {
  count_outside(state, task.of_class);
  if (options_.on_task_end) {
    report_end(task.of_class, state, options_.time->now() - task.submitted, {});
  }
  end_unstarted(std::move(task), state);
}

void pool_core::count_outside(task_state state, class_record* of_class) noexcept {
  // release: stats() acquires it, and then sees the acceptance that came before.
  ended_outside_[static_cast<std::size_t>(state)].fetch_add(1, std::memory_order_release);
  if (of_class != nullptr) of_class->count(state);
}

void pool_core::settle(std::int64_t count) noexcept {
  // seq_cst, both, as in wait_idle(): either we see its level, or it sees our subtraction.
  const std::int64_t left = unsettled_.fetch_sub(count) - count;
  if (left > awaited_level_.load()) return;
  const lock_guard lock{quiet_mutex_};
  quiet_.notify_all();
}

bool pool_core::wait_idle(time_point deadline) {
  if (forked()) return false;
  const clock& time = *options_.time;
  runner* const self = runner::of(*this);
  if (self != nullptr) {
    while (!paused() && (deadline == no_deadline || time.now() < deadline)) {
      if (!self->run_one_waiting()) break;
    }
  }
  const blocking_region blocked;  // what comes in from here on is run by a worker in our place
  const auto own = static_cast<std::int64_t>(self != nullptr ? self->unsettled() : 0);
  unique_lock lock{quiet_mutex_};
  ++quiet_waiters_;
  quiet_excused_ += own;
  awaited_level_.store(quiet_excused_);
  if (own > 0) quiet_.notify_all();  // the level has risen for the other tasks that wait
  // A task that waits here excuses itself and all tasks that do the same: else two of them would
  // wait for each other. A thread of the outside waits for all.
  const bool quiet = wait_until(quiet_, lock, time, deadline, [&] {
    return unsettled_.load() <= (self != nullptr ? quiet_excused_ : 0);
  });
  quiet_excused_ -= own;
  awaited_level_.store(--quiet_waiters_ == 0 ? -1 : quiet_excused_);
  return quiet;
}

void pool_core::report_end(const class_record* of_class, task_state state, duration waited,
                           duration ran) const noexcept {
  if (!options_.on_task_end) return;
  options_.on_task_end({options_.name, name_of(of_class), state, waited, ran});
}

void pool_core::report_unhandled(std::exception_ptr error,
                                 const class_record* of_class) const noexcept {
  if (options_.on_unhandled) {
    options_.on_unhandled(std::move(error), {options_.name, name_of(of_class)});
    return;
  }
  const auto log = [&](const char* what) {
    std::fprintf(stderr, "millpool: a task posted to pool '%s' threw: %s\n", options_.name.c_str(),
                 what);
  };
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& thrown) {
    log(thrown.what());
  } catch (...) {
    log("an exception that is no std::exception");
  }
}

// ---- the operator's side
// ----------------------------------------------------------------------------

task_class pool_core::add_class(task_class_options options) {
  if (forked()) return {};  // classes_mutex_ may be held for ever, and nothing will be submitted
  if (options.name.empty()) throw std::invalid_argument{"task_class.name: must not be empty"};
  if (options.priority >= lane_count) {
    throw std::invalid_argument{"task_class '" + options.name +
                                "': priority: 0 (the highest) to 7, is " +
                                std::to_string(options.priority)};
  }
  const lock_guard lock{classes_mutex_};
  for (const class_record& other : classes_) {
    if (other.options.name == options.name) {
      throw std::invalid_argument{"task_class '" + options.name + "': this pool has one already"};
    }
  }
  class_record& added = classes_.emplace_back();
  added.options = std::move(options);
  return task_class{&added};
}

void pool_core::pause() noexcept {
  if (forked()) return;
  const lock_guard lock{pause_mutex_};
  if (ending_) return;
  paused_.store(true);
  // By their locks, so that no worker that looked at paused_ before takes a task after.
  channel_.pause();
  put_off_.pause();
}

void pool_core::resume() noexcept {
  if (forked()) return;
  {
    const lock_guard lock{pause_mutex_};
    put_off_.resume();
    channel_.resume();
    paused_.store(false);  // before the wake: see wake_for_work()
  }
  idle_.wake_all();
  // A pool with no thread yet starts one, but not only to see that it is closed.
  if (channel_.can_take() || put_off_.can_take()) wake_for_work();
}

void pool_core::resume_for_good() noexcept {
  {
    const lock_guard lock{pause_mutex_};
    ending_ = true;
  }
  resume();
}

std::vector<purged_task> pool_core::purge() {
  std::vector<purged_task> purged;
  if (forked()) return purged;
  std::vector<queued_task> all = take_all_waiting();
  purged.reserve(all.size());
  const time_point now = options_.time->now();
  for (queued_task& task : all) {
    count_outside(task_state::discarded, task.of_class);
    report_end(task.of_class, task_state::discarded, now - task.submitted, {});
    purged.emplace_back(std::move(task));
    settle(1);
  }
  return purged;
}

pool_stats pool_core::stats() {
  pool_stats now;
  now.name = options_.name;
  if (forked()) return now;
  for (std::size_t i = 0; i < task_state_count; ++i) {
    // acquire: see count_outside(). What ended is read before what was accepted, as in crew.
    now.tasks.of(static_cast<task_state>(i)) = ended_outside_[i].load(std::memory_order_acquire);
  }
  crew_.add_up(now);
  const auto seen = channel_.look();
  const auto beyond = put_off_.look();
  now.tasks.accepted +=
      accepted_outside_.load(std::memory_order_relaxed) + seen.pushed + beyond.pushed;
  now.put_off = beyond.waiting;
  now.tasks.waiting = seen.waiting + beyond.waiting;
  now.tasks.running = now.tasks.accepted - now.tasks.ended() - now.tasks.waiting;
  now.queue_capacity = seen.capacity;
  now.depth = seen.depth;
  for (const auto& oldest : {seen.oldest, beyond.oldest}) {
    if (oldest) now.oldest_waiting = std::max(now.oldest_waiting, options_.time->now() - *oldest);
  }
  now.paused = paused();
  for (std::size_t i = 0; i < submit_errc_count; ++i) {
    now.refused[i] = refused_[i].load(std::memory_order_relaxed);
  }
  const lock_guard lock{classes_mutex_};
  for (const class_record& each : classes_) {
    class_stats& row = now.classes.emplace_back();
    row.name = each.options.name;
    for (std::size_t i = 0; i < task_state_count; ++i) {
      row.ended[i] = each.ended[i].load(std::memory_order_relaxed);
    }
  }
  return now;
}

}  // namespace millpool
