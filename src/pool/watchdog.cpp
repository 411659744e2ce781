#include "src/pool/watchdog.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/symbols.hpp"
#include "src/pool/thread_view.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <new>
#include <utility>

namespace millpool {
namespace {

constexpr int looks = 8;

void print(const stuck_info& info) {
  using seconds = std::chrono::duration<double>;
  const std::string pool{info.pool};
  const std::string worker{info.worker.empty() ? "a submitter's thread" : info.worker};
  const std::string doing{to_string(info.doing)};
  std::fprintf(stderr,
               "millpool: a task of pool '%s' is stuck on %s (thread %lld), %s for %.3f s: %s\n",
               pool.c_str(), worker.c_str(), static_cast<long long>(info.thread), doing.c_str(),
               seconds{info.age}.count(), info.task.c_str());
  for (const std::string& call : info.stack) std::fprintf(stderr, "    %s\n", call.c_str());
  if (!info.why_no_stack.empty()) {
    std::fprintf(stderr, "    no stack: %s\n", std::string{info.why_no_stack}.c_str());
  }
}

}  // namespace

watchdog::watchdog(pool_core& core, timers& time)
    : core_{core},
      timers_{time},
      watches_{core.options().stuck_after.has_value()},
      period_{(core.options().stuck_after.value_or(duration::zero()) / looks).count()} {
  if (!watches_) return;
  alarm_.ring = [this] { return look(); };
  timers_.add(alarm_);
  prepare_stacks();
}

void watchdog::somebody_is_awake() noexcept {
  if (!watches_) return;
  light_barrier();
  // relaxed: the barrier orders it.
  if (is_watching_.load(std::memory_order_relaxed) || is_watching_.exchange(true)) return;
  set_alarm();
}

// REQUIRES: the caller has set is_watching_.
void watchdog::set_alarm() noexcept {
  const time_point first = deadline_after(core_.options().time->now(), period());
  // If no thread can be had for it, who wakes next tries again.
  if (!timers_.set(alarm_, first)) is_watching_.store(false);
}

void watchdog::set_stuck_after(duration age) noexcept {
  period_.store((age / looks).count(), std::memory_order_relaxed);
}

// Who looks now may have set its alarm by the old age.
void watchdog::start_anew() noexcept {
  is_watching_.store(true);
  set_alarm();
}

// Returns when to look again.
time_point watchdog::look() noexcept {
  const time_point now = core_.options().time->now();
  look_at_all(now);
  if (may_rest()) {
    is_watching_.store(false);
    heavy_barrier();
    // Or another has seen it meanwhile, and set the alarm.
    if (may_rest() || is_watching_.exchange(true)) return no_deadline;
  }
  return deadline_after(now, period());
}

bool watchdog::may_rest() noexcept { return core_.workers().all_asleep(); }

void watchdog::look_at_all(time_point now) noexcept {
  const duration each_look = period();
  const duration passed = std::min(now - std::exchange(last_look_, now), 2 * each_look);
  const duration overdue = (looks - 1) * each_look;
  crew& workers = core_.workers();
  bool any = false;
  workers.for_each_runner([&](runner& each) { any = each.look(passed) >= overdue || any; });
  if (!any) {
    if (!workers.any_overdue()) core_.conditions().clear(pool_conditions::overdue);  // runner I4
    return;
  }
  core_.conditions().set(pool_conditions::overdue);
  heavy_barrier();  // runner I4
  workers.mark_overdue(overdue);
  try {
    report_stuck_ones();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): at the next look, maybe
  }
}

void watchdog::report_stuck_ones() {
  // For all of one look: threads that do not answer keep this one from what else it is to do.
  duration patience = std::chrono::milliseconds{100};
  while (auto found = core_.workers().mark_stuck(looks * period())) {
    report(*found, patience);
  }
}

// Under no lock, but for a moment: the hook may do what it likes, and so may the task.
void watchdog::report(const stuck_task& found, duration& patience) {
  // First, since a task that is told to stop may leave where it is.
  thread_stack stack = take_stack(found.thread, patience);
  bool still_there = false;
  std::stop_source stop{std::nostopstate};
  core_.workers().for_each_runner([&](runner& each) {
    if (&each != found.by || !each.is_still_in_it()) return;
    still_there = true;
    stop = each.tell_to_stop();
  });
  if (!still_there) stack = {{}, "the task has returned meanwhile"};
  stop.request_stop();
  stuck_info info{.pool = core_.options().name,
                  .worker = found.worker,
                  .index = found.index,
                  .thread = found.thread,
                  .task_class = found.task_class,
                  .task = demangled(found.closure->name()),
                  .age = found.seen.age,
                  .cpu = found.seen.cpu - found.seen.cpu_at_first,
                  .doing = found.seen.uses_a_processor() ? stuck_info::state::running
                                                         : stuck_info::state::blocked,
                  .stack = {},
                  .why_no_stack = stack.why_none};
  for (const code_address& each : stack.calls) info.stack.push_back(name_of_code(each));
  if (core_.options().on_stuck) {
    core_.options().on_stuck(info);
  } else {
    print(info);
  }
}

}  // namespace millpool
