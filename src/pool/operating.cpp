// How a pool is seen and steered: its classes, pause and resume, purge, its figures.
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/futex.hpp"
#include "millpool/sync/spin.hpp"
#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace millpool {

task_class pool_core::add_class(task_class_options options) {
  if (forked()) return {};  // classes_mutex_ may be held for ever, and nothing will be submitted
  if (options.name.empty()) throw std::invalid_argument{"task_class.name: must not be empty"};
  if (options.priority >= lane_count) {
    throw std::invalid_argument{"task_class '" + options.name +
                                "': priority: 0 (the highest) to 7, is " +
                                std::to_string(options.priority)};
  }
  if (options.max_concurrency == 0U) {
    throw std::invalid_argument{"task_class '" + options.name +
                                "': max_concurrency must be at least 1, is 0"};
  }
  const lock_guard lock{classes_mutex_};
  for (const class_record& other : classes_) {
    if (other.options.name == options.name) {
      throw std::invalid_argument{"task_class '" + options.name + "': this pool has one already"};
    }
  }
  class_record& added = classes_.emplace_back();
  added.options = std::move(options);
  try {
    if (added.options.admit) conditions_.set(pool_conditions::judged);
    breakers_.attach(added.options.breaker, &added);
  } catch (...) {
    classes_.pop_back();
    throw;
  }
  return task_class{&added};
}

void pool_core::pause() noexcept {
  if (forked()) return;
  const lock_guard lock{pause_mutex_};
  if (ending_) return;
  conditions_.set(pool_conditions::pauses);
  heavy_barrier();  // who takes what is kept from here on sees it
  // By their locks, so that no worker that looked at the conditions before takes a task after.
  channel_.pause();
  put_off_.pause();
}

void pool_core::resume() noexcept {
  if (forked()) return;
  end_pause();
  crew_.look_for_deadlocks();  // a pause is none
}

void pool_core::end_pause() noexcept {
  {
    const lock_guard lock{pause_mutex_};
    put_off_.resume();
    channel_.resume();
    conditions_.clear(pool_conditions::pauses);  // before the wake: see wake_for_work()
  }
  breakers_.resumed();
  idle_.wake_all();
  // A pool with no thread yet starts one, but not only to see that it is closed.
  if (task_visible()) wake_for_work();
}

void pool_core::resume_for_good() noexcept {
  {
    const lock_guard lock{pause_mutex_};
    ending_ = true;
  }
  breakers_.let_all_go();
  for (std::size_t i = 0;; ++i) {
    class_record* held = nullptr;
    {
      const lock_guard lock{classes_mutex_};
      if (i == classes_.size()) break;
      held = &classes_[i];
    }
    breakers_.let_go(held->breaker);  // which may call hooks, and run tasks
  }
  end_pause();
}

// In a pause, a worker that was about to run a task, or to steal one, lays it back: after this it
// has. Without a pause what is in its hands is about to run. Nobody tells when its hands are empty,
// since that would cost something with each task; so this looks again and again.
void pool_core::await_empty_hands() {
  constexpr duration a_nap = std::chrono::microseconds{50};
  const runner* const self = runner::of(*this);
  const auto are_empty = [&] {
    if (!paused()) return true;
    bool all = true;
    crew_.for_each_runner(
        [&](const runner& each) { all = all && (&each == self || each.hands_are_empty()); });
    return all;
  };
  heavy_barrier();  // runner I3
  while (!spin_until(are_empty)) {
    atomic<std::uint32_t> nobody{0};
    futex_wait_until(nobody, 0, deadline_after(steady().now(), a_nap));
  }
}

std::vector<purged_task> pool_core::purge() {
  std::vector<purged_task> purged;
  if (forked()) return purged;
  await_empty_hands();
  std::vector<task_in_lane> all;
  try {
    take_all_waiting(all);
    purged.reserve(all.size());
  } catch (const std::bad_alloc&) {
    for (auto& [task, when] : all) end_outside(std::move(task), when.came, task_state::discarded);
    idle_.wake_all();  // as at the end of take_all_waiting()
    throw;
  }
  for (auto& [task, when] : all) {
    count_outside(task_state::discarded, task.of_class());
    report_end(task.of_class(), task_state::discarded, waited_since(when.came), {});
    report_wait(task, task_state::discarded);
    purged.emplace_back(std::move(task), static_cast<unsigned>(when.lane));
    settle_outside();
  }
  return purged;
}

double pool_core::pressure(std::size_t lane) noexcept {
  if (forked()) return 0.0;
  if (is_shed(lane)) return 1.0;
  // Where load is shed, what is in lower lanes takes nobody's place.
  const std::size_t ahead = channel_.depth_down_to(shedder_.is_on() ? lane : lane_count - 1);
  const double full = static_cast<double>(ahead) / static_cast<double>(capacity());
  return std::min(1.0, std::max(full, shedder_.pressure(lane)));
}

pool_stats pool_core::stats() {
  pool_stats now;
  now.name = options_.name;
  if (forked()) return now;
  // What ended is read before what was accepted, as in crew.
  add_up_classes(now);
  for (std::size_t i = 0; i < task_state_count; ++i) {
    // acquire: see count_outside().
    now.without_class.ended[i] = ended_outside_[i].load(std::memory_order_acquire);
  }
  crew_.add_up(now);
  for (std::size_t i = 0; i < task_state_count; ++i) {
    std::uint64_t& all = now.tasks.of(static_cast<task_state>(i));
    all = now.without_class.ended[i];
    for (const class_stats& each : now.classes) all += each.ended[i];
  }
  std::array<std::size_t, lane_count> kept{};
  kept_.any_of(0, [&](const own_tasks& each) {
    kept[each.lane()] += each.size();
    return false;
  });
  const auto seen = channel_.look();
  const auto beyond = put_off_.look();
  now.tasks.accepted += kept_.accepted() + forked_halves_.load(std::memory_order_relaxed) +
                        seen.pushed + beyond.pushed;
  now.put_off = beyond.waiting;
  now.delayed = later_.size();
  now.queue_capacity = seen.capacity;
  const std::uint64_t inside = now.tasks.accepted - now.tasks.ended();
  now.tasks.waiting = std::min<std::uint64_t>(seen.waiting + beyond.waiting, inside);
  // What workers keep was read earlier, and counts halves of joins, too. But it was never more than
  // the places that they hold, nor is a task that runs among it.
  std::uint64_t left = inside - now.tasks.waiting;
  left -= std::min<std::uint64_t>(left, now.workers.running + now.workers.blocked);
  left = std::min<std::uint64_t>(left, seen.reserved);
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    const auto here = std::min<std::uint64_t>(kept[lane], left);
    left -= here;
    now.tasks.waiting += here;
    now.depth[lane] = seen.depth[lane] + here;
  }
  now.tasks.running = inside - now.tasks.waiting;
  now.oldest_waiting = std::max(age_of(channel_.oldest()), age_of(put_off_.oldest()));
  now.overloaded = is(pool_conditions::sheds);
  for (std::size_t lane = 0; lane < lane_count; ++lane) now.shed[lane] = shedder_.shed(lane);
  now.paused = paused();
  now.closed = is(pool_conditions::closes);
  for (std::size_t i = 0; i < submit_errc_count; ++i) {
    now.refused[i] = refused_[i].load(std::memory_order_relaxed);
  }
  now.without_class.retries = retries_.load(std::memory_order_relaxed);
  add_up_times(now);
  now.scalings = worker_limit_.counts();
  return now;
}

void pool_core::add_up_classes(pool_stats& into) {
  if (options_.breaker != nullptr) into.breakers.push_back({{}, options_.breaker->look()});
  const lock_guard lock{classes_mutex_};
  for (const class_record& each : classes_) {
    class_stats& row = into.classes.emplace_back();
    row.name = each.options.name;
    for (std::size_t i = 0; i < task_state_count; ++i) {
      row.ended[i] = each.count_of(static_cast<task_state>(i));
    }
    row.retries = each.retries.load(std::memory_order_relaxed);
    if (each.options.breaker != nullptr) {
      into.breakers.push_back({row.name, each.options.breaker->look()});
    }
  }
}

void pool_core::add_up_times(pool_stats& into) const {
  times_.for_each([&](const time_cells::cell& each) {
    const std::string_view name = name_of(each.of_class);
    const auto is_it = [&](const task_times& row) {
      return row.task_class == name && row.priority == each.lane;
    };
    auto row = std::ranges::find_if(into.times, is_it);
    if (row == into.times.end()) {
      row = into.times.insert(row, task_times{std::string{name}, each.lane, {}, {}});
    }
    const histogram_snapshot wait = each.wait.snapshot();
    const histogram_snapshot run = each.run.snapshot();
    row->wait.merge(wait);
    row->run.merge(run);
    into.wait.merge(wait);
    into.run.merge(run);
  });
}

}  // namespace millpool
