#include "millpool/policy/scaler.hpp"

#include "millpool/base/cpu.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <sstream>
#include <stdexcept>

namespace millpool {
namespace {

constexpr double nearly_all = 0.9;  // of the processors
constexpr double a_quarter = 0.25;  // more or less is another load
constexpr std::uint64_t a_few = 8;  // tasks say how long one takes
constexpr double half_as_many_again = 1.5;
// In cooldowns: if a worker is wanted again so soon after one has left, all stay for so long.
constexpr int soon = 12;
constexpr int kept_for = 48;
constexpr std::uint64_t mostly = 3;
constexpr double late = 2.0;  // times what a task takes
constexpr double mostly_busy = 0.85;

double seconds(duration d) noexcept { return std::chrono::duration<double>(d).count(); }

// Of workers, in the tasks that ended. Where that is not measured: as if all were always at work.
double seconds_in_tasks(const scaling_inputs& in) noexcept {
  if (in.ran > duration::zero()) return seconds(in.ran);
  if (in.event != scaling_event::step) return 0.0;
  return seconds(in.elapsed) * static_cast<double>(in.workers);
}

template <class Value>
[[noreturn]] void refuse(const char* option, Value value, const char* wanted) {
  std::ostringstream text;
  text << "scaling_policy." << option << " = " << value << ": " << wanted;
  throw std::invalid_argument{text.str()};
}

scaling_policy checked(scaling_policy policy) {
  if (!(policy.scale_up_factor > 1.0) || std::isinf(policy.scale_up_factor)) {
    refuse("scale_up_factor", policy.scale_up_factor, "must be above 1 and finite");
  }
  if (policy.drain_backlog_in <= duration::zero()) {
    refuse("drain_backlog_in", policy.drain_backlog_in.count(), "must be above 0 ns");
  }
  if (policy.cooldown < duration::zero()) {
    refuse("cooldown", policy.cooldown.count(), "must not be negative, in ns");
  }
  if (!(policy.worth_it >= 0.0 && policy.worth_it <= 1.0)) {
    refuse("worth_it", policy.worth_it, "must be from 0 to 1");
  }
  if (policy.cpus && (!(*policy.cpus > 0.0) || std::isinf(*policy.cpus))) {
    refuse("cpus", *policy.cpus, "must be above 0 and finite");
  }
  return policy;
}

}  // namespace

scaler::scaler(const scaling_policy& policy)
    : policy_{checked(policy)}, cpus_{policy.cpus ? *policy.cpus : available_cpus().limit()} {}

scaling_decision scaler::decide(const scaling_inputs& in) noexcept {
  const answer given = answer_to(in);
  if (given.to != in.workers) stale_ = in.workers;
  if (given.to > in.workers) {
    // Who left was wanted again: so rare a need does not pass.
    if (shrank_ && (in.now - *shrank_) / soon < policy_.cooldown) is_regretted_ = true;
    grew_ = in.now;
  }
  if (given.to < in.workers && in.event == scaling_event::idle) shrank_ = in.now;
  return {in.workers, given.to, given.rule, in};
}

scaler::answer scaler::answer_to(const scaling_inputs& in) noexcept {
  return in.event == scaling_event::idle ? when_idle(in) : when_busy(in);
}

scaler::answer scaler::when_idle(const scaling_inputs& in) noexcept {
  if (in.workers <= in.min_workers) return {in.workers, "enough"};
  const int cooldowns = is_regretted_ ? kept_for : 1;
  if (grew_ && (in.now - *grew_) / cooldowns < policy_.cooldown) return {in.workers, "cooldown"};
  is_regretted_ = false;
  return {in.workers - 1, "idle"};
}

scaler::answer scaler::when_busy(const scaling_inputs& in) noexcept {
  note(in);
  note_tasks(in);
  const auto now = of(in.workers).rate();
  const auto fewer = now ? fewer_that_do_as_much(*now) : std::nullopt;
  sightings_ = fewer ? sightings_ + 1 : 0;
  if (fewer && fewer->workers >= in.min_workers) {
    // A moment at which the machine was busy with other things would say the same.
    if (sightings_ < 2) return {in.workers, "knee"};
    knee_ = fewer;
    return {fewer->workers, "knee"};
  }
  if (is_at_the_knee(in, now)) return {in.workers, "knee"};
  if (in.workers >= in.max_workers) return {in.workers, "enough"};
  if (has_no_cpu_left(in)) return {in.workers, "cpu"};
  if (is_crowded(in)) return {in.workers, "crowded"};
  const std::size_t ceiling = most_in_a_step(in);
  if (!task_seconds_) return {ceiling, "first"};
  if (is_stalled()) return {ceiling, "stalled"};
  const std::size_t to = wanted(in);
  if (to <= in.workers) return {in.workers, "enough"};
  return {std::min(to, ceiling), "backlog"};
}

// What is measured from one step to the next was measured while all were at work.
void scaler::note(const scaling_inputs& in) noexcept {
  if (in.event != scaling_event::step) {  // all else is another load
    count_ = 0;
    nothing_ended_ = {};
    if (knee_ && grew_ && in.now - *grew_ >= policy_.cooldown) knee_.reset();
    return;
  }
  nothing_ended_ += in.elapsed;
  if (in.completed > 0) nothing_ended_ = {};
  const bool is_of_others = in.completed < mostly * stale_;
  stale_ -= std::min(stale_, in.completed);
  if (is_of_others) return;
  record& here = of(in.workers);
  here.completed += in.completed;
  here.seconds += seconds_in_tasks(in);
}

void scaler::note_tasks(const scaling_inputs& in) noexcept {
  const double together = seconds_in_tasks(in);
  if (in.completed == 0 || together <= 0.0) return;
  // What was known before counts for a few.
  const double before = std::min(known_by_, static_cast<double>(a_few));
  known_by_ = before + static_cast<double>(in.completed);
  task_seconds_ = (task_seconds_.value_or(0.0) * before + together) / known_by_;
}

// A number that comes again is measured anew.
scaler::record& scaler::of(std::size_t workers) noexcept {
  if (count_ > 0 && records_[count_ - 1].workers == workers) return records_[count_ - 1];
  const std::span before{records_.data(), count_};
  const auto others = std::ranges::remove(before, workers, &record::workers);
  count_ -= others.size();
  if (count_ == records_.size()) {
    std::shift_left(records_.begin(), records_.end(), 1);
    --count_;
  }
  records_[count_] = {.workers = workers};
  return records_[count_++];
}

// By how long the tasks took, not by how many ended in a time: a moment after there are more
// workers the one is known, and the other is not yet.
std::optional<scaler::rate_at> scaler::record::rate() const noexcept {
  if (completed < a_few || seconds <= 0.0) return std::nullopt;
  return rate_at{workers, static_cast<double>(workers) * static_cast<double>(completed) / seconds};
}

std::optional<scaler::rate_at> scaler::fewer_that_do_as_much(const rate_at& now) const noexcept {
  std::optional<rate_at> fewest;
  for (std::size_t i = 0; i + 1 < count_; ++i) {
    const auto then = records_[i].rate();
    if (!then || static_cast<double>(now.workers) <
                     half_as_many_again * static_cast<double>(then->workers)) {
      continue;
    }
    const bool as_much = then->per_second * (1.0 + policy_.worth_it) >= now.per_second;
    if (as_much && (!fewest || then->workers < fewest->workers)) fewest = then;
  }
  return fewest;
}

bool scaler::is_at_the_knee(const scaling_inputs& in, const std::optional<rate_at>& now) noexcept {
  if (is_stalled()) knee_.reset();  // it is not that which holds them up
  if (!knee_ || in.workers < knee_->workers) return false;
  const bool changed =
      now && now->workers == knee_->workers &&
      std::abs(now->per_second - knee_->per_second) > a_quarter * knee_->per_second;
  if (changed) knee_.reset();
  return !changed;
}

bool scaler::is_stalled() const noexcept {
  return task_seconds_ && seconds(nothing_ended_) > late * *task_seconds_;
}

std::size_t scaler::most_in_a_step(const scaling_inputs& in) const noexcept {
  const auto now = static_cast<double>(std::max<std::size_t>(in.workers, 1));
  double most = now * policy_.scale_up_factor;
  // If each needs as much of the processors as those there are, so many use nearly all.
  if (in.cpus_in_use > 0.0) most = std::min(most, now * nearly_all * cpus_ / in.cpus_in_use);
  most = std::min(std::max(std::ceil(most), now + 1.0), static_cast<double>(in.max_workers));
  return static_cast<std::size_t>(most);
}

// One look is no more than one moment's: those before count as much.
bool scaler::is_crowded(const scaling_inputs& in) noexcept {
  if (in.event != scaling_event::step) return false;  // some may be on their way to a task yet
  const auto workers = static_cast<double>(in.workers);
  const double now = static_cast<double>(in.in_tasks) / workers;
  double& busy = of(in.workers).busy;
  busy = busy > 0.0 ? (busy + now) / 2 : now;
  return workers >= cpus_ && busy < mostly_busy;
}

bool scaler::has_no_cpu_left(const scaling_inputs& in) const noexcept {
  return static_cast<double>(in.workers) >= cpus_ && in.cpus_in_use >= nearly_all * cpus_;
}

std::size_t scaler::wanted(const scaling_inputs& in) const noexcept {
  const double elapsed = seconds(in.elapsed);
  const double arriving = elapsed > 0.0 ? static_cast<double>(in.arrived) / elapsed : 0.0;
  const double draining = static_cast<double>(in.waiting) / seconds(policy_.drain_backlog_in);
  const double workers = std::ceil((arriving + draining) * *task_seconds_);
  return static_cast<std::size_t>(std::min(workers, static_cast<double>(in.max_workers)));
}

scaling_rule scale_by(const scaling_policy& policy) {
  return {.queue_depth_threshold = policy.queue_depth_threshold,
          .target_queue_wait = policy.target_queue_wait,
          .interval = policy.interval,
          .decide = [decider = scaler{policy}](
                        const scaling_inputs& in) mutable { return decider.decide(in); },
          .on_decision = policy.on_decision};
}

}  // namespace millpool
