// What may change of a running pool's options, and how.
#include "millpool/pool/changeable_options.hpp"
#include "src/pool/pool_core.hpp"

#include <chrono>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace millpool {
namespace {

void copy_changeable(const pool_options& from, pool_options& to) {
  for_each_changeable([](const char*, auto& is, const auto& shall_be) { is = shall_be; }, to, from);
}

std::string text(std::size_t number) { return std::to_string(number); }
std::string text(std::uint32_t number) { return std::to_string(number); }
std::string text(full_policy policy) { return std::string{to_string(policy)}; }
std::string text(duration time) {
  if (time == duration::max()) return "forever";
  constexpr std::pair<std::int64_t, const char*> units[] = {
      {1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}};
  for (const auto& [size, unit] : units) {
    if (time.count() % size == 0) return std::to_string(time.count() / size) + unit;
  }
  return std::to_string(time.count()) + " ns";
}
template <class T>
std::string text(const std::optional<T>& option) {
  return option ? text(*option) : "unset";
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const option_change& change) {
  return out << change.name << ": " << change.from << " -> " << change.to;
}

pool_options pool_core::with_what_stays(const pool_options& wanted, const std::string& who) const {
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument{who + ": " + why};
  };
  const auto stays = [&](const char* option, const auto& is, const auto& shall_be) {
    if (is == shall_be) return;
    refuse(std::string{option} + " is " + text(is) +
           " as long as the pool lives, and cannot become " + text(shall_be));
  };
  if (wanted.name != options_.name) {
    refuse("name is '" + options_.name + "' as long as the pool lives, and cannot become '" +
           wanted.name + "'");
  }
  if (wanted.time != options_.time) {
    refuse("time is the same clock as long as the pool lives, and cannot become another");
  }
  if (wanted.breaker != options_.breaker) {
    refuse("breaker is the same one as long as the pool lives, and cannot become another");
  }
  stays("reserved_workers", options_.reserved_workers, wanted.reserved_workers);
  stays("reserved_priority", options_.reserved_priority, wanted.reserved_priority);
  if (wanted.shedding != options_.shedding) {
    refuse("shedding is the same as long as the pool lives, and cannot become another");
  }
  const scaling_rule& rule = options_.scaling;
  stays("scaling.queue_depth_threshold", rule.queue_depth_threshold,
        wanted.scaling.queue_depth_threshold);
  stays("scaling.target_queue_wait", rule.target_queue_wait, wanted.scaling.target_queue_wait);
  stays("scaling.interval", rule.interval, wanted.scaling.interval);
  if (wanted.stuck_after.has_value() != options_.stuck_after.has_value()) {
    stays("stuck_after", options_.stuck_after, wanted.stuck_after);
  }
  // Two functions cannot be compared: those that both have are taken to be the same.
  const auto stays_unset = [&](const char* option, const auto& is, const auto& shall_be) {
    if (is || !shall_be) return;
    refuse(std::string{option} + " is unset as long as the pool lives, and cannot be set");
  };
  stays_unset("scaling.decide", rule.decide, wanted.scaling.decide);
  stays_unset("scaling.on_decision", rule.on_decision, wanted.scaling.on_decision);
  stays_unset("on_stuck", options_.on_stuck, wanted.on_stuck);
  stays_unset("admit", options_.admit, wanted.admit);
  stays_unset("on_task_end", options_.on_task_end, wanted.on_task_end);
  stays_unset("on_span", options_.on_span, wanted.on_span);
  stays_unset("on_unhandled", options_.on_unhandled, wanted.on_unhandled);
  stays_unset("on_worker_start", options_.on_worker_start, wanted.on_worker_start);
  stays_unset("on_worker_stop", options_.on_worker_stop, wanted.on_worker_stop);
  stays_unset("on_deadlock", options_.on_deadlock, wanted.on_deadlock);
  stays_unset("on_thread_failure", options_.on_thread_failure, wanted.on_thread_failure);
  stays_unset("start_thread", options_.start_thread, wanted.start_thread);
  pool_options both = options_;
  copy_changeable(wanted, both);
  return both;
}

std::vector<option_change> pool_core::reconfigure(const pool_options& wanted) {
  std::vector<option_change> changes;
  if (forked()) return changes;
  bool workers_change = false;
  bool age_changes = false;
  bool rule_changes = false;
  {
    // Nothing of the user's is called under it, and nobody is waited for.
    const lock_guard lock{options_mutex_};
    const pool_options& now = in_force_;
    for_each_changeable(
        [&](const char* name, const auto& is, const auto& shall_be) {
          if (is != shall_be) changes.push_back({name, text(is), text(shall_be)});
        },
        now, wanted);
    // From here on nothing throws.
    workers_change = now.min_workers != wanted.min_workers ||
                     now.max_workers != wanted.max_workers || now.keep_alive != wanted.keep_alive ||
                     now.max_compensation != wanted.max_compensation;
    const bool capacity_changes = now.queue_capacity != wanted.queue_capacity;
    rule_changes = full_rule{now} != full_rule{wanted};
    age_changes = now.stuck_after != wanted.stuck_after;
    copy_changeable(wanted, in_force_);
    settings_.change_to(wanted);
    channel_.set_aging(wanted.aging);
    put_off_.set_aging(wanted.aging);
    if (workers_change) crew_.change_bounds(*wanted.min_workers, *wanted.max_workers);
    // The capacity first: who waits for room finds it there, before anything is asked of the rule.
    if (capacity_changes) change_capacity(wanted.queue_capacity);
    if (rule_changes) rule_has_changed();
    if (age_changes) watch_.set_stuck_after(*wanted.stuck_after);
  }
  if (age_changes) watch_.start_anew();
  if (workers_change) meet_worker_bounds();
  if (rule_changes) crew_.look_for_deadlocks();  // what waits may not be displaced any more
  return changes;
}

void pool_core::remember(const pool_options& options) { copy_changeable(options, in_force_); }

pool_options pool_core::options_in_force() const {
  pool_options now = options_;
  if (forked()) return now;  // options_mutex_ may be held for ever
  const lock_guard lock{options_mutex_};
  copy_changeable(in_force_, now);
  return now;
}

shutdown_plan pool_core::plan_at_destruction() const noexcept {
  const lock_guard lock{options_mutex_};
  return in_force_.at_destruction;
}

}  // namespace millpool
