#include "src/pool/worker_limit.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace millpool {
namespace {

// Over less than that it says nothing.
constexpr duration worth_measuring = std::chrono::milliseconds{2};

// For P8: a backlog is seen within it.
constexpr duration longest_gap = std::chrono::milliseconds{1};

constexpr unsigned longest = 3;  // doublings of the interval

duration cpu_time_of_process() noexcept {
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return {};
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

}  // namespace

std::string_view to_string(scaling_event event) noexcept {
  switch (event) {
    case scaling_event::backlog:
      return "backlog";
    case scaling_event::wait:
      return "wait";
    case scaling_event::step:
      return "step";
    case scaling_event::idle:
      return "idle";
  }
  return "unknown";
}

worker_limit::worker_limit(pool_core& core) : core_{core}, alarm_{[this] { return ring(); }} {
  if (is_steered()) core_.add(alarm_);
}

bool worker_limit::is_steered() const noexcept { return core_.options().scaling.decide != nullptr; }

bool worker_limit::all_at_work() const noexcept {
  // relaxed: the caller's barrier orders it.
  return core_.idle().state().load(std::memory_order_relaxed) == 0;
}

void worker_limit::look() {
  std::optional<scaling_decision> decided;
  {
    const lock_guard lock{mutex_};
    if (state_ != state::calm) return;
    measured found = measure(scaling_event::backlog);
    scaling_inputs& seen = found.inputs;
    if (seen.waiting == 0 || !core_.task_visible()) return;
    same_ = 0;
    const duration interval = core_.options().scaling.interval;
    if (const auto event = trouble(seen)) {
      seen.event = *event;
      decided = ask(found);
      // Its first is started by the caller of this, and the others by the alarm.
      const bool more = decided->to > decided->from + 1;
      if (core_.set(alarm_, more ? seen.now : deadline_after(seen.now, interval))) {
        go_to(state::stepping);
      }
    } else if (core_.set(alarm_, next_look(seen))) {
      watched_since_ = seen.now;
      go_to(state::watching);
    }
  }
  if (decided) tell(*decided);
}

time_point worker_limit::ring() {
  core_.workers().grow_to_limit();
  std::optional<scaling_decision> decided;
  time_point again = no_deadline;
  {
    const lock_guard lock{mutex_};
    const bool stepping = state_ == state::stepping;
    if (stepping) {
      const time_point now = core_.options().time->now();
      const time_point due = deadline_after(looked_, core_.options().scaling.interval);
      if (now < due) return due;  // it was called for the workers' sake
      looked_ = now;
      if (now < next_step() && all_at_work() && core_.task_visible() && !far_more_waits()) {
        return deadline_after(now, core_.options().scaling.interval);
      }
    }
    go_to(state::calm);
    heavy_barrier();  // I1
    if (!all_at_work() || !core_.task_visible()) return no_deadline;
    measured found = measure(scaling_event::step);
    scaling_inputs& seen = found.inputs;
    if (seen.waiting == 0) return no_deadline;
    // What workers keep has no time: then it is taken to have waited since the watch began.
    if (!stepping && seen.oldest_wait == duration::zero()) {
      seen.oldest_wait = seen.now - watched_since_;
    }
    const auto event = stepping ? std::optional{scaling_event::step} : trouble(seen);
    if (event) {
      seen.event = *event;
      decided = ask(found);
      go_to(state::stepping);
      again = deadline_after(seen.now, core_.options().scaling.interval);
    } else {
      same_ = 0;
      go_to(state::watching);
      again = next_look(seen);
    }
  }
  if (decided) tell(*decided);
  core_.workers().grow_to_limit();
  return again;
}

bool worker_limit::may_shrink() {
  if (!is_steered()) return true;
  scaling_decision decided;
  {
    const lock_guard lock{mutex_};
    decided = ask(measure(scaling_event::idle));
    go_to(state_);  // there may be more again; who leaves looks after it
  }
  tell(decided);
  return decided.to < decided.from;
}

time_point worker_limit::next_look(const scaling_inputs& seen) const noexcept {
  return deadline_after(seen.now, std::min(longest_gap, core_.options().scaling.target_queue_wait));
}

// Than when it was asked. Not known where the lock is taken: the next look is soon.
bool worker_limit::far_more_waits() {
  const auto waiting = core_.channel().try_ready();
  return waiting && *waiting > 2 * asked_with_ + core_.options().scaling.queue_depth_threshold;
}

// To ask takes the locks of all who are at work.
time_point worker_limit::next_step() const noexcept {
  const unsigned doublings = same_ > 0 ? same_ - 1 : 0;
  constexpr duration most = duration::max() / (1 << longest);
  return deadline_after(asked_,
                        std::min(core_.options().scaling.interval, most) * (1 << doublings));
}

void worker_limit::bounds_changed() {
  const lock_guard lock{mutex_};
  same_ = 0;
  go_to(state_);
}

std::optional<scaling_event> worker_limit::trouble(const scaling_inputs& seen) const noexcept {
  const scaling_rule& rule = core_.options().scaling;
  if (seen.waiting >= rule.queue_depth_threshold) return scaling_event::backlog;
  if (seen.oldest_wait >= rule.target_queue_wait) return scaling_event::wait;
  return std::nullopt;
}

worker_limit::measured worker_limit::measure(scaling_event event) {
  const auto counted = core_.load_now();
  const auto bounds = core_.workers().bounds();
  const sample now{core_.options().time->now(), counted.accepted, counted.settled, counted.ran,
                   cpu_time_of_process(),       steady().now()};
  scaling_inputs seen{.event = event,
                      .now = now.when,
                      .workers = bounds.active,
                      .min_workers = bounds.minimum,
                      .max_workers = bounds.maximum,
                      .in_tasks = core_.workers().in_tasks(),
                      .waiting = counted.waiting,
                      .oldest_wait = counted.oldest_wait,
                      .elapsed = {},
                      .arrived = 0,
                      .completed = 0,
                      .ran = {},
                      .cpus_in_use = 0.0};
  if (last_) {
    seen.elapsed = now.when - last_->when;
    seen.arrived = now.arrived - last_->arrived;
    seen.completed = now.completed - last_->completed;
    seen.ran = now.ran - last_->ran;
    const duration real = now.cpu_when - last_->cpu_when;
    if (real >= worth_measuring) {
      seen.cpus_in_use =
          static_cast<double>((now.cpu - last_->cpu).count()) / static_cast<double>(real.count());
    }
  }
  return {seen, now};
}

scaling_decision worker_limit::ask(const measured& found) {
  const scaling_inputs& seen = found.inputs;
  last_ = found.now;
  scaling_decision decided = core_.options().scaling.decide(seen);
  decided.inputs = seen;
  decided.from = seen.workers;
  const bool to_none = seen.event == scaling_event::idle && seen.min_workers == 0;
  decided.to = std::clamp(decided.to, to_none ? 0 : std::max<std::size_t>(seen.min_workers, 1),
                          seen.max_workers);
  if (seen.event != scaling_event::idle) {
    same_ = decided.to == decided.from ? std::min(same_ + 1, 1 + longest) : 0;
    looked_ = asked_ = seen.now;
    asked_with_ = seen.waiting;
  }
  if (decided.to != decided.from) {
    core_.workers().set_active(decided.to);
    count(decided);
  }
  return decided;
}

// A rule of the user's may have any number of names: the last row stands for those beyond it.
void worker_limit::count(const scaling_decision& decided) try {
  constexpr std::size_t most = 32;
  const bool up = decided.to > decided.from;
  const std::string_view rule = counts_.size() < most ? decided.rule : "others";
  const auto is_it = [&](const scaling_count& row) {
    return row.up == up && (row.rule == decided.rule || row.rule == rule);
  };
  const auto row = std::ranges::find_if(counts_, is_it);
  if (row != counts_.end()) {
    ++row->times;
  } else {
    counts_.push_back({up, std::string{rule}, 1});
  }
} catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): it is not counted
}

std::vector<scaling_count> worker_limit::counts() {
  const lock_guard lock{mutex_};
  return counts_;
}

void worker_limit::go_to(state next) noexcept {
  state_ = next;
  const auto bounds = core_.workers().bounds();
  core_.show_may_scale(is_steered() && next == state::calm && bounds.active < bounds.maximum);
}

void worker_limit::tell(const scaling_decision& decided) const {
  const auto& told = core_.options().scaling.on_decision;
  if (told && decided.to != decided.from) told(decided);
}

}  // namespace millpool
