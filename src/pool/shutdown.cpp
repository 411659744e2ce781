// The four steps in which a pool ends.
#include "millpool/pool/shutdown.hpp"

#include "millpool/base/assert.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/pool_core.hpp"

#include <ostream>

namespace millpool {

void pool_core::close() noexcept {
  if (forked()) return;  // the parent's pool is none of ours, and its locks may be held
  conditions_.set(pool_conditions::closes);
  put_off_.close();  // I3
  channel_.close();
  crew_.clear_bench();
  idle_.wake_all();  // idle workers end, if the channel is empty
  later_.close();
}

bool pool_core::drain(duration limit) {
  close();
  if (forked()) return false;
  resume_for_good();
  return wait_idle(deadline_after(options_.time->now(), limit));
}

bool pool_core::cancel(duration limit) {
  close();
  if (forked()) return false;
  cancelling_.store(true);
  conditions_.set(pool_conditions::cancels);
  heavy_barrier();  // I2: no task starts from here on
  stops_.request_all();
  std::vector<task_in_lane> all;
  try {
    take_all_waiting(all);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
    // Then the workers take the rest, and end it as cancelled: I2.
  }
  for (auto& [task, when] : all) end_outside(std::move(task), when.came, task_state::cancelled);
  resume_for_good();  // a paused worker is to see the end
  return wait_idle(deadline_after(options_.time->now(), limit));
}

std::size_t pool_core::abandon() {
  if (cancel(duration::zero()) || forked()) return 0;
  conditions_.set(pool_conditions::abandons);
  heavy_barrier();  // runner I1: from here on no frame goes without its mutex
  std::vector<runner::orphan> orphans;
  const runner* const self = runner::of(*this);
  crew_.for_each_runner([&](runner& each) {
    if (&each != self) each.abandon(orphans);
  });
  // Told without the crew's lock: a continuation may need it.
  for (runner::orphan& each : orphans) {
    count_outside(task_state::abandoned, each.of_class);
    report_end(each.of_class, task_state::abandoned, {}, {});
    if (completion* const told = each.completion.release()) told->complete(task_state::abandoned);
    settle_outside();
  }
  // What is left is on its way out: its callable has returned, or its submission is being refused.
  static_cast<void>(wait_idle(no_deadline));
  return orphans.size();
}

shutdown_report pool_core::shutdown(const shutdown_plan& plan, bool for_good) {
  if (forked()) return {};
  unique_lock lock{shutdown_mutex_, std::defer_lock};
  runner* const self = runner::of(*this);
  if (self == nullptr) {
    lock.lock();
  } else if (self->shutting_down || !lock.try_lock()) {
    return {.tasks = stats().tasks};  // whoever is at it already waits for this very task
  }
  struct while_here {  // a task that waits in here may run another one, which may come here, too
    runner* self;
    explicit while_here(runner* of) noexcept : self{of} { mark(true); }
    ~while_here() { mark(false); }
    void mark(bool here) const noexcept {
      if (self != nullptr) self->shutting_down = here;
    }
  } const marked{self};
  if (report_) return *report_;

  const clock& time = *options_.time;
  shutdown_report report;
  time_point start = time.now();
  report.drained = drain(plan.drain);
  report.drain_took = time.now() - start;
  if (!report.drained) {
    report.cancelled = true;
    start = time.now();
    if (!cancel(plan.cancel)) abandon();
    report.cancel_took = time.now() - start;
  }
  // A task that shuts its pool down still runs: whoever comes from outside joins its thread.
  if (self != nullptr && !for_good) {
    report.tasks = stats().tasks;
    return report;
  }
  later_.join();
  report.left_behind = crew_.join();
  report.tasks = stats().tasks;
  MILLPOOL_ASSERT(report.tasks.inside() == (self != nullptr ? self->depth() : 0),
                  "every accepted task ends exactly once");
  report_ = report;
  return report;
}

std::ostream& operator<<(std::ostream& out, const shutdown_report& report) {
  using milliseconds = std::chrono::duration<double, std::milli>;
  out << "tasks: " << report.tasks << '\n'
      << "drain: " << (report.drained ? "complete" : "not complete") << " after "
      << milliseconds{report.drain_took}.count() << " ms\n";
  if (report.cancelled) {
    out << "cancel: took " << milliseconds{report.cancel_took}.count() << " ms\n";
  }
  for (const std::string& name : report.left_behind) out << "left behind: " << name << '\n';
  return out;
}

}  // namespace millpool
