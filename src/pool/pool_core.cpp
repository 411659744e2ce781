// A task's way in, and what it meets there. Next stop: channel/task_channel.hpp.
#include "src/pool/pool_core.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/thread_host.hpp"
#include "src/pool/registry.hpp"
#include "src/pool/visit.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <limits>
#include <pthread.h>
#include <sstream>
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
    detail::kept_by_this_thread = nullptr;                    // which is no worker
    registry::start_anew();
  });
  static_cast<void>(registered);
  return fork_generation.load(std::memory_order_relaxed);
}

// Those that follow from the full_policy: some_of_rule at most.
std::uint32_t bits_of(full_rule rule, const pool_options& options) noexcept {
  std::uint32_t bits = 0;
  if (options.on_task_end || rule.policy() == full_policy::discard_oldest) {
    bits |= pool_conditions::exact_times;
  }
  if (!rule.lets_workers_keep()) bits |= pool_conditions::keeps_none;
  if (rule.displaces()) bits |= pool_conditions::displaces;
  return bits;
}
constexpr std::uint32_t some_of_rule =
    pool_conditions::exact_times | pool_conditions::keeps_none | pool_conditions::displaces;

std::uint32_t at_first(const pool_options& options) noexcept {
  std::uint32_t bits = pool_conditions::long_tasks;  // until they are known to be short
  if (options.admit) bits |= pool_conditions::asks_first;
  if (options.shedding) bits |= pool_conditions::may_shed;
  return bits | bits_of(full_rule{options}, options);
}

lane_limit limit_of(const pool_options& options) noexcept {
  if (options.reserved_workers == 0) return {};
  return {options.reserved_priority + std::size_t{1},
          *options.max_workers - options.reserved_workers};
}

}  // namespace

void end_unaccepted(queued_task&& task, std::exception_ptr why) noexcept {
  if (completion* const told = task.target()) told->fail(std::move(why));
  std::move(task).end(task_state::discarded);
}

pool_core::pool_core(pool_options options)
    : options_{std::move(options)},
      settings_{options_},
      fork_generation_{current_fork_generation()},
      conditions_{at_first(options_)},
      low_work_{limit_of(options_)},
      channel_{options_.queue_capacity, options_.aging, *options_.time, &serial_keys_, &low_work_},
      put_off_{std::numeric_limits<std::size_t>::max(), options_.aging, *options_.time,
               &serial_keys_, &low_work_},
      kept_{*this},
      crew_{*this},
      later_{*this},
      worker_limit_{*this},
      shedder_{*this},
      stops_{*this, later_},
      watch_{*this, later_},
      breakers_{*this} {
  capacity_.store(options_.queue_capacity, std::memory_order_relaxed);
  remember(options_);
  prepare_barriers();  // before there are threads of ours, for which the kernel would have to wait
  breakers_.attach(options_.breaker, nullptr);
}

pool_core::~pool_core() {
  breakers_.detach(nullptr);
  for (class_record& each : classes_) breakers_.detach(&each);
}

bool pool_core::forked() const noexcept {
  return fork_generation.load(std::memory_order_relaxed) != fork_generation_;
}

// ---- the submitter's side
// ---------------------------------------------------------------------------

time_point pool_core::measured_stamp(unsigned lane) const noexcept {
  if (conditions_.any_of(measure_each)) return stamp::exact(options_.time->now(), lane);
  detail::unmeasured_of_this_thread = stamp::sampled_one_in - 1;
  return stamp::sampled(options_.time->now(), lane);
}

namespace {

placement place_of(const queued_task& task, unsigned lane, time_point submitted) noexcept {
  const task_extras* const asked = task.extras();
  if (asked == nullptr) return {lane, submitted};
  return {lane, asked->serial_key, asked->fair_key, submitted, asked->fair_weight};
}

}  // namespace

std::expected<void, submit_errc> pool_core::accept(queued_task& task, unsigned lane,
                                                   const admission& how) {
  if (forked()) return refuse(submit_errc::forked);
  if (is_asked_for(task)) return ask_first(task, lane, how);
  return accept_admitted(task, lane, how);
}

// For who calls what is not ours, or submits and goes on: the pool may be destroyed meanwhile.
std::shared_ptr<pool_core> pool_core::kept_alive() {
  const visit here{*this};
  return shared_from_this();
}

std::expected<void, submit_errc> pool_core::ask_first(queued_task& task, unsigned lane,
                                                      const admission& how) {
  const auto alive = kept_alive();
  std::optional<submit_span> span;
  if (task_extras* const asked = task.extras(); has_spans(options_, asked)) {
    span.emplace(options_, name_of(asked->of_class), lane, *asked);
  }
  const auto why = refusal_of(task, lane);
  const auto answer = why ? refuse(*why) : accept_admitted(task, lane, how);
  return span ? span->tell(answer) : answer;
}

std::optional<submit_errc> pool_core::refusal_of(const queued_task& task, unsigned lane) {
  if (is(pool_conditions::closes)) return std::nullopt;  // which is the better answer
  if (is_shed(lane)) return submit_errc::shed;
  if (breakers_.refuses(task.of_class())) return submit_errc::breaker_open;
  const class_record* const of_class = task.of_class();
  const submission_info asks{options_.name, name_of(of_class), lane};
  if (options_.admit) {
    if (const auto why = options_.admit(asks)) return why;
  }
  const bool class_asks = of_class != nullptr && of_class->options.admit;
  return class_asks ? of_class->options.admit(asks) : std::nullopt;
}

// What a task of ours submits belongs to what has begun, and is to end.
bool pool_core::is_shed(std::size_t lane) noexcept {
  if (!is(pool_conditions::sheds) || runner::of(*this) != nullptr) return false;
  return shedder_.refuses(lane);
}

std::expected<void, submit_errc> pool_core::accept_admitted(queued_task& task, unsigned lane,
                                                            const admission& how) {
  visit here{*this};
  if (runner* const self = runner::of(*this); self != nullptr && self->keep(task, lane, how)) {
    return {};
  }
  std::size_t waiting = 0;
  const time_point submitted = stamp_now(lane);
  queue_status pushed{};
  if (task.extras() == nullptr) [[likely]] {
    pushed = channel_.try_push(std::move(task), lane, submitted, &waiting);
  } else {
    const placement where = place_of(task, lane, submitted);
    pushed = channel_.try_push(std::move(task), where, &waiting);
  }
  if (pushed == queue_status::success && wake_one(waiting)) [[likely]]
    return {};
  // From here on it waits for long, or calls what is not ours.
  const std::shared_ptr<pool_core> alive = shared_from_this();
  here.leave();
  return accept_unpushed(pushed, task, lane, how);
}

// \param  pushed  success: nobody was there to be woken.
std::expected<void, submit_errc> pool_core::accept_unpushed(queue_status pushed, queued_task& task,
                                                            unsigned lane, const admission& how) {
  if (pushed == queue_status::success) {
    grow();
    return {};
  }
  if (pushed == queue_status::closed) return refuse(submit_errc::closed);
  const auto accepted = accept_when_full(task, lane, how);
  if (!accepted) return refuse(accepted.error());
  return accepted;
}

std::expected<void, submit_errc> pool_core::accept_when_full(queued_task& task, unsigned lane,
                                                             const admission& how) {
  if (how.kind == admission::wait::never) return std::unexpected{submit_errc::full};
  if (shedder_.is_on()) {
    const auto has_one = take_a_lower_place(task, lane);
    if (!has_one) return std::unexpected{has_one.error()};
    if (*has_one) return {};
  }
  full_rule rule = settings_.when_full();
  if (how.kind == admission::wait::until) {
    if (runner::of(*this) != nullptr) return run_in_caller(rule, task, lane);  // as below
    return wait_for_room(nullptr, task, lane, how.deadline, how.stop_token);
  }
  while (rule.policy() != full_policy::reject) {
    const auto accepted = accept_by(rule, task, lane);
    // Full: it waited, and the rule has changed. It decides by the new one.
    if (accepted || accepted.error() != submit_errc::full) return accepted;
    rule = settings_.when_full();
  }
  return std::unexpected{submit_errc::full};
}

// \return full: `rule` is in force no more, and nothing has come of it.
std::expected<void, submit_errc> pool_core::accept_by(full_rule rule, queued_task& task,
                                                      unsigned lane) {
  const auto wait_or_run = [&](time_point deadline) -> std::expected<void, submit_errc> {
    if (runner::of(*this) != nullptr)
      return run_in_caller(rule, task, lane);  // P5: a worker never waits for its own pool
    return wait_for_room(&rule, task, lane, deadline, {});
  };
  switch (rule.policy()) {
    case full_policy::block:
      return wait_or_run(no_deadline);
    case full_policy::block_for:
      return wait_or_run(deadline_after(options_.time->now(), rule.block_for()));
    case full_policy::caller_runs:
      return run_in_caller(rule, task, lane);
    case full_policy::discard_oldest:
      return displace_for(task, lane, displace::oldest);
    case full_policy::discard_lowest:
      return displace_for(task, lane, displace::lowest);
    case full_policy::discard_newest:
      return discard(task);
    case full_policy::reject:
      break;
  }
  return std::unexpected{submit_errc::full};
}

// \param   by  the rule that it waits by, as long as that is in force; null: by none.
// \return  full: it is not any more.
std::expected<void, submit_errc> pool_core::wait_for_room(const full_rule* by, queued_task& task,
                                                          unsigned lane, time_point deadline,
                                                          const std::stop_token& stop) {
  const auto goes_on = [&] { return by == nullptr || settings_.when_full() == *by; };
  queue_status status{};
  {
    const blocking_region blocked;  // a worker of another pool may stand here
    const placement where = place_of(task, lane, stamp_now(lane));
    status = channel_.push_while(goes_on, std::move(task), where, deadline, stop);
  }
  if (status == queue_status::full) return std::unexpected{submit_errc::full};
  if (status == queue_status::closed) return std::unexpected{submit_errc::closed};
  if (status == queue_status::timeout) return std::unexpected{submit_errc::timeout};
  wake_for_work();
  return {};
}

std::expected<void, submit_errc> pool_core::run_in_caller(full_rule by, queued_task& task,
                                                          unsigned lane) {
  // Its key may be held, and so may its caller's next one's: whoever can wait does.
  const task_extras* const asked = task.extras();
  if (asked != nullptr && asked->serial_key && runner::of(*this) == nullptr) {
    return wait_for_room(&by, task, lane, no_deadline, {});
  }
  if (!guest_run([&](runner& self) { return self.run_here(task, lane); })) {
    return std::unexpected{submit_errc::closed};
  }
  return {};
}

std::expected<void, submit_errc> pool_core::displace_for(queued_task& task, unsigned lane,
                                                         displace who) {
  arrival when;
  const placement where = place_of(task, lane, stamp_now(lane));
  auto victim = channel_.push_displacing(std::move(task), where, who, &when);
  if (!victim && victim.error() == queue_status::full) return discard(task);
  if (!victim) return std::unexpected{submit_errc::closed};
  if (*victim) end_outside(std::move(**victim), when.came, task_state::discarded);
  wake_for_work();
  return {};
}

// Returns whether it has got one.
std::expected<bool, submit_errc> pool_core::take_a_lower_place(queued_task& task, unsigned lane) {
  arrival when;
  const placement where = place_of(task, lane, stamp_now(lane));
  auto victim = channel_.push_displacing(std::move(task), where, displace::lowest, &when);
  if (!victim && victim.error() == queue_status::full) return false;
  if (!victim) return std::unexpected{submit_errc::closed};
  if (*victim) shedder_.shed(std::move(**victim), when);
  wake_for_work();
  return true;
}

std::expected<void, submit_errc> pool_core::discard(queued_task& task) {
  if (!channel_.pass_by()) return std::unexpected{submit_errc::closed};
  end_outside(std::move(task), stamp_now(0), task_state::discarded);
  return {};
}

std::unexpected<submit_errc> pool_core::refuse(submit_errc why) noexcept {
  // relaxed: a count, read by people.
  refused_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  return std::unexpected{why};
}

std::size_t pool_core::accept_bulk(std::span<queued_task> tasks, unsigned lane) {
  std::size_t accepted = 0;
  while (!tasks.empty()) {
    std::size_t fitted = 0;
    // Who is asked is so for one at a time.
    if (!forked() &&
        std::ranges::none_of(tasks, [this](auto& each) { return is_asked_for(each); })) {
      fitted =
          channel_.push_bulk(tasks, [submitted = stamp_now(lane), lane](const queued_task& task) {
            return place_of(task, lane, submitted);
          });
      if (fitted > 0) wake_for_work();
    }
    accepted += fitted;
    tasks = tasks.subspan(fitted);
    if (tasks.empty()) break;
    // No room: the next one goes the way of a single submission, which waits as the policy says.
    queued_task& next = tasks.front();
    if (const auto taken = accept(next, lane, {})) {
      ++accepted;
    } else if (next.target() != nullptr) {
      end_unaccepted(std::move(next), std::make_exception_ptr(submit_error{taken.error()}));
    }
    tasks = tasks.subspan(1);
  }
  return accepted;
}

std::expected<void, submit_errc> pool_core::accept_later(queued_task& task, unsigned lane,
                                                         time_point due) {
  if (forked()) return refuse(submit_errc::forked);
  const auto alive = kept_alive();
  const auto added = later_.add(task, lane, due);
  return added ? added : refuse(added.error());
}

std::expected<void, submit_errc> pool_core::repeat(std::shared_ptr<detail::repeated_task> task,
                                                   unsigned lane, duration period) {
  if (forked()) return refuse(submit_errc::forked);
  const auto alive = kept_alive();
  const time_point first = deadline_after(options_.time->now(), period);
  const auto added = later_.add(std::move(task), lane, first, period);
  return added ? added : refuse(added.error());
}

void pool_core::forget(detail::repeated_task& task) noexcept {
  if (!forked()) later_.forget(task);
}

std::expected<void, submit_errc> pool_core::accept_due(queued_task& task, unsigned lane) {
  if (forked()) return refuse(submit_errc::forked);
  if (const auto why = refusal_of(task, lane)) return refuse(*why);
  if (task_extras* const asked = task.extras(); has_spans(options_, asked)) {
    asked->trace->submitted = options_.time->now();
  }
  const time_point submitted = stamp_now(lane);
  const queue_status pushed = channel_.try_push(std::move(task), place_of(task, lane, submitted));
  if (pushed == queue_status::success) {
    wake_for_work();
  } else if (pushed == queue_status::closed || !put_off(task, lane, submitted)) {
    return refuse(submit_errc::closed);
  }
  return {};
}

void pool_core::start() {
  crew_.start(*options_.min_workers, *options_.max_workers);
  worker_limit_.bounds_changed();
}

void pool_core::resize(std::size_t minimum, std::size_t maximum) {
  if (forked()) return;
  {
    const lock_guard lock{options_mutex_};
    in_force_.min_workers = minimum;
    in_force_.max_workers = maximum;
    crew_.change_bounds(minimum, maximum);
  }
  meet_worker_bounds();
}

// Under no lock: it calls hooks, and may run tasks.
void pool_core::meet_worker_bounds() {
  crew_.meet_bounds();
  worker_limit_.bounds_changed();
  heavy_barrier();                      // who keeps a task sees the new bounds, or we see the task
  if (task_visible()) wake_for_work();  // there may be room for a worker that was missing
  crew_.look_for_deadlocks();           // or for none any more
}

std::size_t pool_core::prestart(std::size_t workers) {
  if (forked()) return 0;
  const std::size_t there = crew_.prestart(workers);
  worker_limit_.bounds_changed();
  return there;
}

void pool_core::set_queue_capacity(std::size_t capacity) {
  if (forked()) return;
  const lock_guard lock{options_mutex_};
  change_capacity(capacity);
  in_force_.queue_capacity = capacity;
}

void pool_core::change_capacity(std::size_t capacity) {
  channel_.set_capacity(capacity);
  capacity_.store(capacity, std::memory_order_relaxed);  // a hint: the channel decides
  conditions_.capacity_changed();
}

// Each bit by itself: who meets one of them a moment early or late keeps a task that might have to
// make room, or takes one to the channel that need not go there.
void pool_core::rule_has_changed() noexcept {
  const std::uint32_t bits = bits_of(settings_.when_full(), options_);
  conditions_.set(bits);
  conditions_.clear(some_of_rule & ~bits);
  channel_.ask_producers();
}

// ---- the workers' side
// ------------------------------------------------------------------------------

bool pool_core::task_visible() {
  return !paused() && (channel_.can_take() || put_off_.can_take() || kept_.any_visible());
}

bool pool_core::work_visible() {
  return task_visible() || (!paused() && channel_.is_at_its_end() && !any_put_off());
}

void pool_core::wake_for_work() {
  if (!wake_one(std::numeric_limits<std::size_t>::max())) grow();
}

bool pool_core::wake_an_idle_one(std::size_t waiting) noexcept {
  // A submitter that reads "paused" skips the wake. resume() clears it and then wakes everybody,
  // and who wakes passes a heavy_barrier() before it sleeps again: so it sees what we have put.
  if (paused()) return true;
  // Who leaves that work, or makes room for more, looks after it.
  if (low_work_.is_on() && low_work_.is_surely_full() && !task_visible()) return true;
  constexpr std::size_t a_pile = 256;
  if (waiting < std::min(a_pile, capacity() / 2) && tasks_are_short()) {
    // Another worker for short tasks costs more than it brings, as long as one is at them and
    // another looks now and then: see worker::found().
    if (idle_.anybody_dozes() && idle_.asleep() < crew_.live()) return true;
  }
  return idle_.wake_one() || !conditions_.any_of(may_be_more);
}

void pool_core::grow() {
  if (is(pool_conditions::may_scale)) worker_limit_.look();
  if (is(pool_conditions::may_shed)) shedder_.look();
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
  watch_.somebody_is_awake();
  const bool done = run(guest);
  guest.resign();
  crew_.remove_guest(guest);
  // Again, as a worker does before it sleeps: by that lock all that the guest settled is visible.
  settled_something();
  return done;
}

bool pool_core::put_off(queued_task& task, unsigned lane, time_point submitted) {
  put_off_count_.fetch_add(1);
  const placement where = place_of(task, lane, submitted);
  if (put_off_.try_push(std::move(task), where) != queue_status::success) {
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

void pool_core::left_low_work() noexcept {
  light_barrier();  // between the leave and the look, as in idle_workers
  // Others may have gone to sleep while it held the last of the channel back from them.
  if (is(pool_conditions::closes) && !any_put_off() && channel_.is_at_its_end()) {
    idle_.wake_all();
  } else if (task_visible()) {
    wake_for_work();
  }
}

void pool_core::limit_low_work(std::size_t workers) noexcept {
  if (!low_work_.is_on()) return;
  const std::size_t reserved = options_.reserved_workers;
  low_work_.set_most(workers > reserved ? workers - reserved : 1);
}

std::optional<waiting_task> pool_core::take_put_off(bool* entered, std::size_t* lane) {
  if (!any_put_off()) return std::nullopt;
  std::size_t none = 0;
  auto taken = put_off_.try_take(
      0, none, [](queued_task&&, const arrival&) noexcept {}, entered);
  if (!taken) return std::nullopt;
  if (lane != nullptr) *lane = taken->when.lane;
  note_place(taken->value, taken->when, true);
  left_put_off(1);
  return waiting_task{std::move(taken->value), taken->when.came};
}

std::optional<waiting_task> pool_core::take_put_off_surplus() {
  // Tasks that submit themselves for ever are few, and must not keep a worker from the channel.
  constexpr std::size_t few = 1024;
  if (put_off_count_.load() <= std::max(capacity(), few)) return std::nullopt;
  arrival when;
  auto task = put_off_.take_newest_if([](const queued_task&) { return true; }, &when);
  if (!task) return std::nullopt;
  left_put_off(1);
  return waiting_task{std::move(*task), when.came};
}

std::optional<waiting_task> pool_core::take_owned_by(const void* owner, bool& is_it_itself) {
  const auto is_it = [&](const queued_task& task) { return task.owner() == owner; };
  arrival when;
  auto task = channel_.take_newest_if(is_it, &when);
  if (!task && any_put_off()) {
    task = put_off_.take_newest_if(is_it, &when);
    if (task) left_put_off(1);
  }
  is_it_itself = true;
  if (!task) task = channel_.take_next_of_its_key(is_it, &when, is_it_itself);
  if (!task && any_put_off()) {
    task = put_off_.take_next_of_its_key(is_it, &when, is_it_itself);
    if (task) left_put_off(1);
  }
  if (!task) return std::nullopt;
  return waiting_task{std::move(*task), when.came};
}

std::optional<pool_core::waiting_info> pool_core::look_for_waiting(const void* owner,
                                                                   bool also_kept) {
  std::optional<waiting_info> found;
  const auto is_it = [&](const auto& task) {
    if (task.owner() != owner) return false;
    const task_extras* const asked = task.extras();
    found = waiting_info{asked != nullptr ? asked->serial_key : std::nullopt, task.of_class()};
    return true;
  };
  if (channel_.any_waits(is_it) || (any_put_off() && put_off_.any_waits(is_it))) return found;
  if (also_kept) kept_.any_of(0, [&](const own_tasks& each) { return each.any(is_it); });
  return found;
}

void pool_core::take_all_waiting(std::vector<task_in_lane>& all) {
  const auto reserve = [&](std::size_t count) { all.reserve(all.size() + count); };
  const auto keep = [&](queued_task&& task, const arrival& when) {
    all.push_back({std::move(task), when});
  };
  channel_.take_all(reserve, keep);
  const std::size_t before = all.size();
  put_off_.take_all(reserve, keep);
  if (all.size() > before) left_put_off(all.size() - before);
  std::size_t kept = 0;
  const auto take_kept = [&](own_tasks& each) {
    const std::size_t lane = each.lane();
    const std::size_t first = all.size();
    // No more than it has now: its owner may go on to push.
    for (std::size_t left = each.size(); left > 0; --left) {
      all.reserve(all.size() + left);  // none is lost on the way
      auto task = each.steal();
      if (!task) break;
      if (task->task.is_forked_half()) forked_halves_.fetch_add(1);
      all.push_back({std::move(task->task), {task->submitted, lane}});
    }
    std::reverse(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    kept += all.size() - first;
    return false;
  };
  crew_.while_nobody_looks([&] { kept_.any_of(0, take_kept); });
  if (kept == 0) return;
  idle_.wake_all();  // their workers give their places back
  // They were to run before what is in the channel, of the same lane.
  std::rotate(all.begin(), all.end() - static_cast<std::ptrdiff_t>(kept), all.end());
  std::vector<task_in_lane> in_order;
  in_order.reserve(all.size());
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    std::ranges::copy_if(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()),
                         std::back_inserter(in_order),
                         [&](const task_in_lane& each) { return each.when.lane == lane; });
  }
  all = std::move(in_order);
}

bool pool_core::acquire_serial(const queued_task& task) {
  const task_extras* const asked = task.extras();
  return asked == nullptr || !asked->serial_key || serial_keys_.try_acquire(*asked->serial_key);
}

void pool_core::release_serial(const serial_key& key) {
  if (channel_.release(key, &put_off_)) wake_for_work();
  if (channel_.is_closed())
    idle_.wake_all();  // it may be at its end, now that this one is not blocked
}

void pool_core::let_go(const serial_key& key) {
  channel_.let_go(key, &put_off_);
  if (task_visible()) wake_for_work();  // also what was put back, and nobody has looked at since
}

void pool_core::put_back(queued_task& task, time_point submitted) {
  const task_extras& asked = *task.extras();
  const serial_key key = *asked.serial_key;
  const placement where = place_of(task, asked.lane, submitted);
  const std::uint64_t number = asked.number;
  if (asked.was_put_off) {
    put_off_count_.fetch_add(1);
    try {
      put_off_.put_back(std::move(task), where, number);
    } catch (const std::bad_alloc&) {
      left_put_off(1);
      throw;
    }
  } else {
    channel_.put_back(std::move(task), where, number);
  }
  release_serial(key);
  light_barrier();  // as in wake_for_work(), between what is visible and the look
  // Let go meanwhile: who did that may not have seen it; and who puts it back may not look again.
  if (!serial_keys_.holds_back(key)) wake_for_work();
}

void pool_core::note_place(queued_task& taken, const arrival& when, bool was_put_off) noexcept {
  if (when.number == 0) return;  // no key
  if (task_extras* const asked = taken.extras(); asked != nullptr && asked->serial_key) {
    asked->number = when.number;
    asked->was_put_off = was_put_off;
  }
}

own_tasks* pool_core::fork(const task_kind& kind, completion& half) {
  if (forked()) return nullptr;  // no worker is here to take it
  runner* const self = runner::of(*this);
  return self != nullptr ? self->fork(kind, half) : nullptr;
}

pool_core::load pool_core::load_now() {
  // What has settled first: I1.
  load now{.waiting = 0, .oldest_wait = {}, .accepted = 0, .settled = settled(), .ran = {}};
  times_.for_each([&](const time_cells::cell& each) { now.ran += each.run.sum(); });
  const auto seen = channel_.look();
  const auto beyond = put_off_.look();
  now.accepted = accepted();
  now.waiting = seen.ready + beyond.ready;
  kept_.any_of(0, [&](const own_tasks& each) {
    now.waiting += each.size();
    return false;
  });
  for (const auto* each : {&seen, &beyond}) {
    for (const auto& oldest : each->oldest_of) {
      now.oldest_wait = std::max(now.oldest_wait, age_of(oldest));
    }
  }
  return now;
}

// ---- how tasks end
// ----------------------------------------------------------------------------------

void pool_core::end_outside(queued_task&& task, time_point submitted, task_state state) noexcept {
  class_record* const of_class = task.of_class();
  count_outside(state, of_class);
  if (options_.on_task_end) {
    report_end(of_class, state, waited_since(submitted), {});
  }
  report_wait(task, state);
  std::move(task).end(state);
  settle_outside();
}

// Of one that never ran.
void pool_core::report_wait(const queued_task& task, task_state state) const noexcept {
  const task_extras* const asked = task.extras();
  if (!has_spans(options_, asked)) return;
  tell_wait(options_, name_of(asked->of_class), *asked, options_.time->now(), state);
}

// Half of a join has no time of its submission.
duration pool_core::waited_since(time_point submitted) const noexcept {
  if (!options_.on_task_end || submitted == time_point{}) return {};
  return options_.time->now() - stamp::time_of(submitted);
}

void pool_core::count_outside(task_state state, class_record* of_class) noexcept {
  if (of_class != nullptr) return of_class->count(state);
  // release: stats() acquires it, and then sees the acceptance that came before.
  ended_outside_[static_cast<std::size_t>(state)].fetch_add(1, std::memory_order_release);
}

void pool_core::settle_outside() noexcept {
  settled_outside_.fetch_add(1, std::memory_order_release);  // as in count_outside()
  light_barrier();                                           // see wait_idle()
  settled_something();
}

std::uint64_t pool_core::unsettled() {
  const std::uint64_t before = settled();  // I1
  return accepted() - before;
}

std::uint64_t pool_core::settled() {
  // acquire: I1, what was accepted is read after.
  return settled_outside_.load(std::memory_order_acquire) + crew_.settled();
}

std::uint64_t pool_core::succeeded_without_breaker() {
  std::uint64_t sum = crew_.succeeded();
  const lock_guard lock{classes_mutex_};
  for (const class_record& each : classes_) {
    if (each.breaker.breaker == nullptr) sum += each.count_of(task_state::succeeded);
  }
  return sum;
}

std::uint64_t pool_core::accepted() {
  return crew_.accepted() + kept_.accepted() + channel_.pushed() + put_off_.pushed() +
         forked_halves_.load(std::memory_order_acquire);
}

// 0: there is none.
duration pool_core::age_of(const std::optional<time_point>& came) const {
  return came ? options_.time->now() - stamp::time_of(*came) : duration::zero();
}

void pool_core::look_whether_quiet() noexcept {
  // What waits will end, and whoever ends it comes here again.
  if (channel_.can_take() || put_off_.can_take() || kept_.any_visible()) return;
  const lock_guard lock{quiet_mutex_};
  if (unsettled() <= quiet_excused_) quiet_.notify_all();
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
  const std::uint64_t own = self != nullptr ? self->unsettled() : 0;
  unique_lock lock{quiet_mutex_};
  ++quiet_waiters_;
  quiet_excused_ += own;
  conditions_.set(pool_conditions::awaited);
  // A runner settles, and then looks whether it is awaited: either it sees this, or we see that.
  heavy_barrier();
  if (own > 0) quiet_.notify_all();  // more are excused, for the other tasks that wait
  // A task that waits here excuses itself and all tasks that do the same: else two of them would
  // wait for each other. A thread of the outside waits for all.
  const bool quiet = wait_until(quiet_, lock, time, deadline, [&] {
    return unsettled() <= (self != nullptr ? quiet_excused_ : 0);
  });
  quiet_excused_ -= own;
  if (--quiet_waiters_ == 0) conditions_.clear(pool_conditions::awaited);
  return quiet;
}

void pool_core::report_end(const class_record* of_class, task_state state, duration waited,
                           duration ran) const noexcept {
  if (!options_.on_task_end) return;
  options_.on_task_end({options_.name, name_of(of_class), state, waited, ran});
}

void pool_core::report_deadlock(const deadlock_info& info) const {
  if (options_.on_deadlock) {
    options_.on_deadlock(info);
    return;
  }
  try {
    std::ostringstream lines;
    lines << info;
    std::fputs(lines.str().c_str(), stderr);
  } catch (const std::bad_alloc&) {
    std::fputs("millpool: tasks wait for each other for ever; no memory to tell which\n", stderr);
  }
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

}  // namespace millpool
