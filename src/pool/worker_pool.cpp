#include "millpool/pool/worker_pool.hpp"

#include "millpool/base/assert.hpp"
#include "millpool/base/cpu.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/registry.hpp"
#include "src/pool/visit.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

namespace millpool {
namespace {

// Those who sleep are counted in 16 bits: see idle_workers.
void check_countable(const std::string& who, const char* option, std::size_t workers) {
  constexpr std::size_t most = 30'000;
  if (workers <= most) return;
  throw std::invalid_argument{who + ": " + option + " must be at most " + std::to_string(most) +
                              ", is " + std::to_string(workers)};
}

void check_bounds(const std::string& who, std::size_t minimum, std::size_t maximum) {
  if (maximum == 0) throw std::invalid_argument{who + ": max_workers must be at least 1, is 0"};
  if (minimum > maximum) {
    throw std::invalid_argument{who + ": min_workers (" + std::to_string(minimum) +
                                ") must not exceed max_workers (" + std::to_string(maximum) + ")"};
  }
  check_countable(who, "max_workers", maximum);
}

void check_capacity(const std::string& who, std::size_t capacity, full_policy policy) {
  if (capacity > 0) return;
  throw std::invalid_argument{who + ": queue_capacity must be at least 1, is 0: with when_full = " +
                              std::string{to_string(policy)} +
                              " no submission would ever find room"};
}

void check_reserve(const std::string& who, const pool_options& options, std::size_t maximum) {
  if (options.reserved_workers == 0) return;
  const auto not_with = [&](bool is_set, const char* other) {
    if (!is_set) return;
    throw std::invalid_argument{who + ": reserved_workers (" +
                                std::to_string(options.reserved_workers) +
                                ") cannot be combined with " + other +
                                ", which takes an idle worker for a sign that nothing waits"};
  };
  not_with(options.scaling.decide != nullptr, "scaling");
  not_with(options.shedding.has_value(), "shedding");
  if (options.reserved_workers >= maximum) {
    throw std::invalid_argument{
        who + ": reserved_workers (" + std::to_string(options.reserved_workers) +
        ") must be less than max_workers (" + std::to_string(maximum) + ")"};
  }
  if (options.reserved_priority >= lane_count - 1) {
    throw std::invalid_argument{who + ": reserved_priority must be 0 (the highest) to 6, is " +
                                std::to_string(options.reserved_priority)};
  }
}

void check_scaling(const std::string& who, const scaling_rule& rule, std::size_t queue_capacity) {
  if (!rule.decide) return;
  if (rule.queue_depth_threshold == 0) {
    throw std::invalid_argument{who + ": scaling.queue_depth_threshold must be at least 1, is 0"};
  }
  if (rule.queue_depth_threshold > queue_capacity) {
    throw std::invalid_argument{who + ": scaling.queue_depth_threshold (" +
                                std::to_string(rule.queue_depth_threshold) +
                                ") must not exceed queue_capacity (" +
                                std::to_string(queue_capacity) + "): it would never be reached"};
  }
  const auto above_zero = [&](duration value, const char* option) {
    if (value > duration::zero()) return;
    throw std::invalid_argument{who + ": scaling." + option + " must be above 0, is " +
                                std::to_string(value.count()) + " ns"};
  };
  above_zero(rule.target_queue_wait, "target_queue_wait");
  above_zero(rule.interval, "interval");
}

void check_shedding(const std::string& who, const pool_options& options) {
  if (!options.shedding) return;
  const duration target = options.shedding->target;
  const duration interval = options.shedding->interval;
  if (target <= duration::zero()) {
    throw std::invalid_argument{who + ": shedding.target must be above 0, is " +
                                std::to_string(target.count()) + " ns"};
  }
  if (interval < target) {
    throw std::invalid_argument{who + ": shedding.interval (" + std::to_string(interval.count()) +
                                " ns) must not be below shedding.target (" +
                                std::to_string(target.count()) + " ns)"};
  }
}

std::string name_of(const pool_options& options) { return "worker_pool '" + options.name + "'"; }

// \param   doing  what is told between the pool's name and the complaint.
// \return  the same, with the numbers of workers set.
pool_options checked(pool_options options, const std::string& doing) {
  const std::string who = name_of(options) + doing;
  // Some files of the kernel's: who says how many workers there are does without.
  const bool all_said = options.min_workers && options.max_workers;
  const std::size_t cpus = all_said ? 0 : available_cpus().cpus();
  const std::size_t maximum =
      options.max_workers.value_or(std::max(cpus, options.min_workers.value_or(0)));
  const std::size_t minimum = options.min_workers.value_or(std::min(cpus, maximum));
  check_bounds(who, minimum, maximum);
  check_reserve(who, options, maximum);
  check_countable(who, "max_compensation", options.max_compensation);
  options.min_workers = minimum;
  options.max_workers = maximum;
  check_capacity(who, options.queue_capacity, options.when_full);
  if (options.aging.share == 0) {
    throw std::invalid_argument{who + ": aging.share must be at least 1, is 0"};
  }
  if (to_string(options.when_full) == "unknown") {
    throw std::invalid_argument{who + ": when_full must be a full_policy, is " +
                                std::to_string(static_cast<unsigned>(options.when_full))};
  }
  const auto not_negative = [&](duration value, const char* option) {
    if (value < duration::zero()) {
      throw std::invalid_argument{who + ": " + option + " must not be negative, is " +
                                  std::to_string(value.count()) + " ns"};
    }
  };
  not_negative(options.block_for, "block_for");
  not_negative(options.keep_alive, "keep_alive");
  not_negative(options.aging.bound, "aging.bound");
  check_scaling(who, options.scaling, options.queue_capacity);
  check_shedding(who, options);
  if (options.stuck_after && *options.stuck_after < std::chrono::milliseconds{1}) {
    throw std::invalid_argument{who + ": stuck_after must be at least 1000000 ns, is " +
                                std::to_string(options.stuck_after->count()) + " ns"};
  }
  if (options.time == nullptr) throw std::invalid_argument{who + ": time must not be null"};
  return options;
}

const task_class_options no_wishes;
constinit const admission by_policy;
const atomic<bool> never{false};
const detail::task_place nowhere{never, nullptr};

}  // namespace

std::string_view to_string(stuck_info::state state) noexcept {
  return state == stuck_info::state::running ? "running" : "blocked";
}

std::string_view to_string(full_policy policy) noexcept {
  switch (policy) {
    case full_policy::block:
      return "block";
    case full_policy::block_for:
      return "block_for";
    case full_policy::reject:
      return "reject";
    case full_policy::caller_runs:
      return "caller_runs";
    case full_policy::discard_oldest:
      return "discard_oldest";
    case full_policy::discard_newest:
      return "discard_newest";
    case full_policy::discard_lowest:
      return "discard_lowest";
  }
  return "unknown";
}

worker_pool::worker_pool(pool_options options)
    : core_{std::make_shared<pool_core>(checked(std::move(options), ""))} {
  registry::here().add(*this, core_->options().name);
  try {
    core_->start();
  } catch (...) {
    registry::here().remove(*this);
    throw;
  }
}

worker_pool::~worker_pool() {
  if (core_->forked()) {
    core_->keep_for_ever();
  } else {
    core_->shutdown(core_->plan_at_destruction(), true);
    registry::here().remove(*this);
    await_visitors(*core_);
  }
}

worker_pool::wishes worker_pool::asked_for_something(const task_options& options,
                                                     const millpool::clock& time, duration later) {
  class_record* const of_class = options.task_class.record_;
  const task_class_options& defaults = of_class != nullptr ? of_class->options : no_wishes;
  const unsigned lane = options.priority.value_or(defaults.priority);
  if (lane >= lane_count) {
    throw std::invalid_argument{"task_options.priority: 0 (the highest) to 7, is " +
                                std::to_string(lane)};
  }
  if (options.fair_key && options.fair_weight == 0) {
    throw std::invalid_argument{"task_options.fair_weight: must be at least 1, is 0"};
  }
  const std::optional<serial_key> of_its_class =
      of_class != nullptr ? of_class->key() : std::nullopt;
  if (options.serial_key && of_its_class) {
    throw std::invalid_argument{
        "task_options.serial_key: task_class '" + defaults.name + "' has " +
        (defaults.max_concurrency
             ? "a max_concurrency of its own (" + std::to_string(*defaults.max_concurrency) + ")"
             : "a breaker that holds its tasks")};
  }
  const std::optional<duration> start_by = options.start_by ? options.start_by : defaults.start_by;
  const std::optional<duration> timeout = options.timeout ? options.timeout : defaults.timeout;
  const trace_context* const works_for = trace_context::current();
  if (of_class == nullptr && !start_by && !timeout && !options.deadline && !options.serial_key &&
      !options.fair_key && options.attempt == 1 && !options.stop_token.stop_possible() &&
      works_for == nullptr) {
    return {lane, nullptr};
  }
  task_extras_ptr extras{::new (allocate_block(sizeof(task_extras))) task_extras{
      .stop_token = options.stop_token,
      .of_class = of_class,
      .deadline = options.deadline.value_or(no_deadline),
      .timeout = timeout.value_or(duration::max()),
      .attempt = options.attempt,
      .fair_weight = options.fair_weight,
      .lane = lane,
      .serial_key = of_its_class ? of_its_class : options.serial_key,
      .fair_key = options.fair_key}};
  if (works_for != nullptr) extras->trace = std::make_unique<task_trace>(*works_for);
  if (start_by) {
    extras->start_by = deadline_after(deadline_after(time.now(), later), *start_by);
  }
  return {lane, std::move(extras)};
}

std::expected<void, submit_errc> worker_pool::accept_somehow(task_words task, unsigned lane) {
  queued_task its_owner{task};
  return core_->accept(its_owner, lane, by_policy);
}

std::expected<void, submit_errc> worker_pool::accept_somehow(queued_task&& task, unsigned lane,
                                                             const admission& how) {
  return core_->accept(task, lane, how);
}

std::expected<void, submit_errc> worker_pool::accept_later(queued_task&& task, unsigned lane,
                                                           time_point due) {
  return core_->accept_later(task, lane, due);
}

repetition worker_pool::repeat(std::shared_ptr<detail::repeated_task> task, unsigned lane,
                               duration period) {
  if (period <= duration::zero()) {
    throw std::invalid_argument{"worker_pool '" + name() + "': every: the period must be above 0"};
  }
  repetition made;
  made.core_ = core_;
  made.task_ = task;
  const auto added = core_->repeat(std::move(task), lane, period);
  if (!added) throw submit_error{added.error()};
  return made;
}

void repetition::cancel() noexcept {
  if (const auto core = core_.lock(); core && task_) core->forget(*task_);
  task_.reset();
}

std::size_t worker_pool::accept_bulk(pool_core& core, std::vector<queued_task>& tasks,
                                     unsigned lane) {
  return core.accept_bulk(tasks, lane);
}

own_tasks* worker_pool::fork_somehow(const task_kind& kind, completion& half) {
  return core_->fork(kind, half);
}

task_class worker_pool::add_class(task_class_options options) {
  return core_->add_class(std::move(options));
}

void worker_pool::resize(std::size_t min_workers, std::size_t max_workers) {
  const std::string who = "worker_pool '" + name() + "': resize";
  check_bounds(who, min_workers, max_workers);
  check_reserve(who, core_->options(), max_workers);
  core_->resize(min_workers, max_workers);
}

std::size_t worker_pool::prestart(std::size_t workers) { return core_->prestart(workers); }

void worker_pool::set_queue_capacity(std::size_t capacity) {
  const std::string who = name_of(core_->options()) + ": set_queue_capacity";
  check_capacity(who, capacity, core_->changeable().when_full().policy());
  check_scaling(who, core_->options().scaling, capacity);
  core_->set_queue_capacity(capacity);
}

std::vector<option_change> worker_pool::reconfigure(const pool_options& options) {
  const std::string doing = ": reconfigure";
  pool_options wanted = core_->with_what_stays(options, name_of(core_->options()) + doing);
  return core_->reconfigure(checked(std::move(wanted), doing));
}

pool_options worker_pool::options() const { return core_->options_in_force(); }

void worker_pool::pause() noexcept { core_->pause(); }
void worker_pool::resume() noexcept { core_->resume(); }
bool worker_pool::is_paused() const noexcept { return core_->paused(); }
std::vector<purged_task> worker_pool::purge() { return core_->purge(); }
bool worker_pool::wait_idle_until(time_point t) { return core_->wait_idle(t); }

void worker_pool::close() noexcept { core_->close(); }
bool worker_pool::drain(duration limit) { return core_->drain(limit); }
bool worker_pool::cancel(duration limit) { return core_->cancel(limit); }
std::size_t worker_pool::abandon() { return core_->abandon(); }
shutdown_report worker_pool::shutdown(const shutdown_plan& plan) {
  return core_->shutdown(plan, false);
}

pool_stats worker_pool::stats() const { return core_->stats(); }
double worker_pool::pressure(unsigned priority) const {
  if (priority >= lane_count) {
    throw std::invalid_argument{"worker_pool '" + name() +
                                "': pressure: priority: 0 (the highest) " + "to 7, is " +
                                std::to_string(priority)};
  }
  return core_->pressure(priority);
}
const std::string& worker_pool::name() const noexcept { return core_->options().name; }
const clock& worker_pool::clock() const noexcept { return *core_->options().time; }
bool worker_pool::is_own_thread() const noexcept { return runner::of(*core_) != nullptr; }

// ---- a purged task
// ----------------------------------------------------------------------------------

void purged_task::operator()() {
  MILLPOOL_ASSERT(task_, "a purged task runs once");
  completion* const target = task_.target();
  const std::stop_token stop = task_.stop_token();
  const task_extras_ptr asked{task_.extras()};
  task_context context{stop, nowhere, steady(), no_deadline, asked.get()};
  const trace_scope here{asked && asked->trace ? &asked->trace->works_for : nullptr};
  if (target == nullptr) return std::move(task_).run(context);
  task_state state = task_state::succeeded;
  try {
    std::move(task_).run(context);
  } catch (const task_stopped&) {
    state = task_state::cancelled;
  } catch (...) {
    target->fail(std::current_exception());
    state = task_state::failed;
  }
  target->complete(state);
}

purged_task::~purged_task() {
  if (task_) std::move(task_).end(task_state::discarded);
}

}  // namespace millpool
