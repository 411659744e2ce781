#include "src/pool/crew.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/signals_blocked.hpp"
#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace millpool {
void crew::start(std::size_t minimum, std::size_t maximum) {
  std::optional<std::system_error> failure;
  bool none = false;
  {
    const lock_guard lock{mutex_};
    set_bounds(minimum, maximum);
    failure = start_up_to_minimum();
    none = workers_.empty();
  }
  if (failure && none) {
    throw std::system_error{failure->code(), "worker_pool '" + core_.options().name +
                                                 "': not one of min_workers = " +
                                                 std::to_string(minimum) + " threads could start"};
  }
  report(failure);
}

void crew::change_bounds(std::size_t minimum, std::size_t maximum) noexcept {
  const lock_guard lock{mutex_};
  set_bounds(minimum, maximum);
}

void crew::meet_bounds() {
  std::optional<std::system_error> failure;
  {
    const lock_guard lock{mutex_};
    while (!bench_.empty()) call_back();  // to sit down again, by the keep_alive of now
    failure = start_up_to_minimum();
  }
  reap();
  report(failure);
  core_.idle()
      .wake_all();  // surplus workers leave; those above the new minimum begin to count time
}

bool crew::grow() {
  return add_while(
      [this, more = true]() mutable { return std::exchange(more, false) && working() < limit_; });
}

bool crew::grow_to_limit() {
  return add_while([this] { return working() < limit_; });
}

std::size_t crew::prestart(std::size_t workers) {
  set_active(std::max(workers, active()));
  add_while([this, workers] { return working() < std::min(workers, maximum_); });
  return live();
}

// \param  more  asked under the lock, before each. \return false if a thread could not be started.
template <class More>
bool crew::add_while(More more) {
  std::optional<std::system_error> failure;
  {
    const lock_guard lock{mutex_};
    while (!failure && !sealed_ && more()) failure = add_one();
  }
  reap();
  report(failure);
  return !failure;
}

void crew::set_active(std::size_t workers) noexcept {
  const lock_guard lock{mutex_};
  const std::size_t least = std::max<std::size_t>(minimum_.load(std::memory_order_relaxed), 1);
  active_.store(std::clamp(workers, least, maximum_), std::memory_order_relaxed);
  update_limit();
}

crew::limits crew::bounds() const {
  const lock_guard lock{mutex_};
  return {active(), minimum_.load(std::memory_order_relaxed), maximum_};
}

// REQUIRES: mutex_ is held, and the bench is not empty.
void crew::call_back() noexcept {
  worker& back = *bench_.back();
  bench_.pop_back();
  back.absent.out = false;
  if (back.absent.is_absent()) ++absent_;  // a hook of its own may wait
  update_limit();
  count_workers();
  back.bed.unpark();
}

// So many there may be, also of those that sit aside.
std::size_t crew::most_threads() const noexcept { return maximum_ + compensation(); }

// So many may stand in for absent ones.
std::size_t crew::compensation() const noexcept {
  return std::min(absent_, core_.changeable().max_compensation());
}

// REQUIRES: mutex_ is held, and the limit allows.
std::optional<std::system_error> crew::add_one() {
  if (bench_.empty()) return start_one();
  call_back();
  return std::nullopt;
}

bool crew::leave_if_surplus(worker& self) {
  if (!core_.conditions().any_of(pool_conditions::surplus)) return false;
  return leave_if(self, [this] {
    if (working() <= limit_) return false;
    const bool may_sit = core_.is_steered() && !bench_is_closed_;
    return !may_sit || workers_.size() > most_threads();
  });
}

bool crew::sit_down_if_surplus(worker& self) {
  if (!core_.conditions().any_of(pool_conditions::surplus) || !core_.is_steered()) return false;
  {
    const lock_guard lock{mutex_};
    if (sealed_ || bench_is_closed_ || working() <= limit_) return false;
    bench_.push_back(&self);
    self.absent.out = true;
    count_workers();
  }
  left_the_others();
  return true;
}

bool crew::leave_bench(worker& self) {
  const lock_guard lock{mutex_};
  const auto at = std::ranges::find(bench_, &self);
  if (at == bench_.end()) return false;
  bench_.erase(at);
  take_out(self);
  return true;
}

void crew::clear_bench() noexcept {
  const lock_guard lock{mutex_};
  bench_is_closed_ = true;
  while (!bench_.empty()) call_back();
}

bool crew::leave_if_idle(worker& self) {
  return leave_if(self, [this] { return working() > minimum_.load(std::memory_order_relaxed); });
}

template <class Condition>
bool crew::leave_if(worker& self, Condition may_leave) {
  {
    const lock_guard lock{mutex_};
    if (sealed_ || !may_leave()) return false;
    take_out(self);
  }
  left_the_others();
  return true;
}

// REQUIRES: mutex_ is held.
void crew::take_out(worker& gone) {
  gone.absent.out = true;
  const auto at = std::ranges::find(workers_, &gone, &std::unique_ptr<worker>::get);
  departed_.push_back(std::move(*at));
  workers_.erase(at);
  count_workers();
}

// A task may have come while a worker was still counted, and so no other was started or woken.
void crew::left_the_others() {
  heavy_barrier();  // who keeps a task sees the room for one more, or we see the task; so below
  if (core_.task_visible()) core_.wake_for_work();
}

void crew::worker_blocks(runner& self) {
  {
    const lock_guard lock{mutex_};
    if (!is_absent_from_here(self, true)) return;
  }
  left_the_others();
}

void crew::worker_unblocks(runner& self) noexcept {
  {
    const lock_guard lock{mutex_};
    if (!is_absent_from_here(self, false)) return;
  }
  came_back();
}

// Where there was no stand-in, more may be at work for the low lanes from here on; where there was,
// one may be too many there, for whom another may be added.
void crew::came_back() noexcept {
  if (core_.low_work().is_on()) left_the_others();
}

// Returns whether another may take its place, or its own is taken again.
bool crew::is_absent_from_here(runner& of, bool blocks) noexcept {
  const bool was_absent = of.absent.is_absent();
  of.absent.blocks = blocks;
  return changes_absence(of, was_absent);
}

// The same; a guest has none, nor has who has left.
bool crew::changes_absence(runner& of, bool was_absent) noexcept {
  if (of.is_guest() || of.absent.out || of.absent.is_absent() == was_absent) return false;
  was_absent ? --absent_ : ++absent_;
  if (of.is_at_low_work()) {
    // Another stands in for it there, too. First it is known how many may: else one too many might
    // enter. What leave() would tell is seen below.
    if (!was_absent) update_limit();
    was_absent ? core_.low_work().enter() : static_cast<void>(core_.low_work().leave());
  }
  update_limit();
  return true;
}

void crew::mark_overdue(duration age) noexcept {
  bool room_for_more = false;
  {
    const lock_guard lock{mutex_};
    visit_all([&](runner& each) {
      if (each.seen().age < age || !each.mark_overdue()) return;
      const bool was_absent = each.absent.is_absent();
      ++overdue_;
      ++each.absent.overdue;
      room_for_more = changes_absence(each, was_absent) || room_for_more;
    });
  }
  if (room_for_more) left_the_others();
}

std::optional<stuck_task> crew::mark_stuck(duration age) {
  std::optional<stuck_task> found;
  const lock_guard lock{mutex_};
  visit_all([&](runner& each) {
    if (found || each.seen().age < age) return;
    found = each.mark_stuck();
    if (!found) return;
    ++stuck_;
    ++stuck_total_;
  });
  return found;
}

void crew::comes_back(runner& self, std::uint32_t marks) noexcept {
  {
    const lock_guard lock{mutex_};
    const bool was_absent = self.absent.is_absent();
    --self.absent.overdue;
    --overdue_;
    if ((marks & detail::task_frame::stuck) != 0) --stuck_;
    // If that is one too many, it is this one that comes by next() first.
    if (!changes_absence(self, was_absent)) return;
  }
  came_back();
}

bool crew::any_overdue() {
  const lock_guard lock{mutex_};
  return overdue_ > 0;
}

bool crew::all_asleep() {
  // Who leaves or sits down is awake until it is no longer counted, and who is started or called
  // back is counted before: all under this lock.
  const lock_guard lock{mutex_};
  return guests_.empty() && core_.idle().asleep() >= working();
}

bool crew::runner_waits(runner& self, task_wait& wait) {
  for (bool looks = true, waits = false; !waits;) {
    std::optional<deadlock_info> found;
    runner* gives_up = nullptr;
    {
      const lock_guard lock{mutex_};
      self.awaits = {.wait = &wait, .number = ++waits_begun_, .is_told = !looks};
      if (looks) found = look_for_deadlock(self, gives_up);
      waits = !found;
      if (!waits) self.awaits = {};  // the hook may do anything
    }
    if (found) core_.report_deadlock(*found);
    if (gives_up == &self) return false;
    looks = gives_up != nullptr;  // there may be another one; unless nobody gives way in this one
  }
  return true;
}

void crew::runner_goes_on(runner& self) noexcept {
  const lock_guard lock{mutex_};
  self.awaits = {};
}

void crew::look_for_deadlocks() {
  std::uint64_t last = 0;  // each in its turn, the oldest wait first
  std::uint64_t end = 0;   // who waits since looks himself
  const auto is_next = [&](const runner& each, const runner* best) {
    if (each.awaits.wait == nullptr || each.awaits.given_up || each.awaits.is_told) return false;
    if (each.awaits.number <= last || each.awaits.number > end) return false;
    return best == nullptr || each.awaits.number < best->awaits.number;
  };
  for (bool first = true;; first = false) {
    std::optional<deadlock_info> found;
    {
      const lock_guard lock{mutex_};
      if (first) end = waits_begun_;
      runner* next = nullptr;
      visit_all([&](runner& each) {
        if (is_next(each, next)) next = &each;
      });
      if (next == nullptr) return;
      last = next->awaits.number;
      runner* gives_up = nullptr;
      found = look_for_deadlock(*next, gives_up);
    }
    if (found) core_.report_deadlock(*found);
  }
}

// \param  gives_up  set to whose wait was given up; null: nobody's can be.
std::optional<deadlock_info> crew::look_for_deadlock(runner& self, runner*& gives_up) noexcept {
  // Then waits end though the task that is awaited runs on.
  if (core_.conditions().any_of(pool_conditions::abandons)) return std::nullopt;
  try {
    waits_.clear();
    visit_all([&](runner& each) {
      const bool waits = each.awaits.wait != nullptr && !each.awaits.given_up;
      if (waits && &each != &self) waits_.add(each);
    });
    waits_.add(self);
    if (!waits_.has_circle() && (!all_wait() || !waits_.is_at_a_standstill())) {
      return std::nullopt;
    }
    std::optional<deadlock_info> found{waits_.describe()};
    gives_up = waits_.victim();
    if (gives_up == nullptr) {
      waits_.set_told();
    } else {
      gives_up->awaits.given_up = true;
      gives_up->awaits.wait->give_up();
    }
    ++deadlocks_;
    return found;
  } catch (const std::bad_alloc&) {
    return std::nullopt;  // it waits as if there were no deadlock
  }
}

// Whether no thread of the pool does anything but wait for tasks, none can be added, also not by a
// scaling_rule, and what they wait for is not taken away: else wait_graph does not know all.
bool crew::all_wait() const noexcept {
  if (sealed_ || core_.paused() || core_.takes_away()) return false;
  if (workers_.size() < most_threads()) return false;
  if (waits_.size() != workers_.size() + guests_.size()) return false;
  return std::ranges::all_of(departed_, [](const auto& each) { return each->finished.load(); });
}

void crew::add_guest(runner& guest) {
  const lock_guard lock{mutex_};
  guests_.push_back(&guest);
}

void crew::remove_guest(runner& guest) noexcept {
  const lock_guard lock{mutex_};
  std::erase(guests_, &guest);
  keep_counts_of(guest);
}

std::vector<std::string> crew::join() {
  {
    const lock_guard lock{mutex_};
    sealed_ = true;  // from here on neither list changes: they may be read without the lock
  }
  std::vector<std::string> left_behind;
  for (const auto* list : {&departed_, &workers_}) {
    for (const auto& each : *list) {
      if (!join_or_leave(*each)) left_behind.push_back(each->name());
    }
  }
  const lock_guard lock{mutex_};
  for (auto* list : {&departed_, &workers_}) {
    std::erase_if(*list, [this](const auto& each) { return forget_if_finished(*each); });
  }
  count_workers();
  return left_behind;
}

// Returns false if the thread was left behind because its task was abandoned. The calling thread
// itself is let go too: it ends by itself, and keeps the core alive until then.
bool crew::join_or_leave(worker& each) {
  if (!each.thread.joinable()) return true;
  if (each.thread.get_id() == std::this_thread::get_id()) {
    each.thread.detach();
    return true;
  }
  if (each.leave_behind()) {
    each.thread.detach();
    return false;
  }
  each.thread.join();
  return true;
}

// Joins the threads of departed workers that have run to their end, and forgets them.
void crew::reap() noexcept {
  std::vector<std::unique_ptr<worker>> ended;
  {
    const lock_guard lock{mutex_};
    if (sealed_) return;
    const auto gone = std::ranges::partition(
        departed_, [this](const auto& each) { return !forget_if_finished(*each); });
    std::ranges::move(gone, std::back_inserter(ended));
    departed_.erase(gone.begin(), gone.end());
  }
  for (const auto& each : ended) {
    if (each->thread.joinable()) each->thread.join();
  }
}

void crew::set_bounds(std::size_t minimum, std::size_t maximum) noexcept {
  minimum_.store(minimum, std::memory_order_relaxed);
  maximum_ = maximum;
  const std::size_t wanted = core_.is_steered()
                                 ? std::clamp(active(), std::max<std::size_t>(minimum, 1), maximum)
                                 : maximum;
  active_.store(wanted, std::memory_order_relaxed);
  update_limit();
  // Who is one too many for the maximum, and not only for now, leaves.
  for (std::size_t many = workers_.size(); many > most_threads() && !bench_.empty(); --many) {
    call_back();
  }
}

void crew::update_limit() noexcept {
  limit_ = active() + compensation();
  core_.limit_low_work(limit_ - std::min(limit_, absent_));
  limit_ += core_.low_work().excess();
  show();
}

void crew::count_workers() noexcept {
  live_.store(working(), std::memory_order_relaxed);
  show();
}

void crew::show() const noexcept { core_.show_workers(working() > limit_, working() < limit_); }

void crew::low_work_has_changed() noexcept {
  {
    const lock_guard lock{mutex_};
    update_limit();
    if (working() <= limit_) return;
  }
  core_.idle().wake_all();
}

std::optional<std::system_error> crew::start_up_to_minimum() {
  std::optional<std::system_error> failure;
  while (!failure && !sealed_ && working() < minimum_.load(std::memory_order_relaxed)) {
    failure = add_one();
  }
  return failure;
}

std::optional<std::system_error> crew::start_one() {
  // The lowest that is free. A worker that has left keeps its own until its last hook has returned.
  std::size_t index = 0;
  const auto has_it = [&](const auto& each) { return each->index() == index && !each->finished; };
  while (std::ranges::any_of(workers_, has_it) || std::ranges::any_of(departed_, has_it)) ++index;
  const std::size_t before = workers_.size();
  const auto undo = [&] {
    workers_.resize(before);
    count_workers();
  };
  try {
    worker& fresh = *workers_.emplace_back(std::make_unique<worker>(core_, index));
    // Before it runs: it may have done its first task, and ask whether it is above the minimum,
    // before this thread goes on.
    count_workers();
    auto body = [&fresh, core = core_.shared_from_this()]() mutable {
      fresh.main(std::move(core));
    };
    const signals_blocked during_start;
    const auto& start_thread = core_.options().start_thread;
    fresh.thread = start_thread ? start_thread(std::move(body)) : std::thread{std::move(body)};
  } catch (const std::system_error& failure) {
    undo();
    ++thread_failures_;
    return failure;
  } catch (const std::exception& failure) {  // out of memory, or a start_thread of the user's
    undo();
    ++thread_failures_;
    return std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again),
                             failure.what()};
  }
  ++threads_started_;
  return std::nullopt;
}

void crew::report(const std::optional<std::system_error>& failure) {
  if (!failure || !core_.options().on_thread_failure) return;
  // The hook may wait for who purges the pool. What a worker has in its hands here it runs after.
  runner* const self = runner::of(core_);
  const bool takes = self != nullptr && self->set_takes(false);
  core_.options().on_thread_failure(*failure);
  if (takes) self->set_takes(true);
}

// Whether the thread has counted its last; then its counts are kept here, and it may be destroyed.
bool crew::forget_if_finished(const worker& each) noexcept {
  if (!each.finished.load()) return false;
  keep_counts_of(each);
  return true;
}

void crew::keep_counts_of(const runner& gone) noexcept {
  const task_cells& cells = gone.cells();
  const auto keep = [](counter& to, const counter& from) { to.add(from.load()); };
  keep(of_the_gone_.accepted, cells.accepted);
  keep(of_the_gone_.settled, cells.settled);
  for (std::size_t i = 0; i < task_state_count; ++i) keep(of_the_gone_.ended[i], cells.ended[i]);
  keep(of_the_gone_.steals, cells.steals);
  keep(of_the_gone_.parks, cells.parks);
}

// The next three under one lock: a runner that leaves is counted once.
std::uint64_t crew::settled() {
  const lock_guard lock{mutex_};
  return sum_of(&task_cells::settled);
}

std::uint64_t crew::accepted() {
  const lock_guard lock{mutex_};
  return sum_of(&task_cells::accepted);
}

std::uint64_t crew::succeeded() {
  constexpr auto which = static_cast<std::size_t>(task_state::succeeded);
  const lock_guard lock{mutex_};
  return sum_of([](const task_cells& of) -> const counter& { return of.ended[which]; });
}

std::size_t crew::in_tasks() const {
  const lock_guard lock{mutex_};
  return static_cast<std::size_t>(std::ranges::count_if(
      workers_, [](const auto& each) { return each->doing() != runner::activity::idle; }));
}

void crew::add_up(pool_stats& into) {
  const lock_guard lock{mutex_};
  // What ended is read before what was accepted, so that no task is seen to end that was not seen
  // to be accepted. The caller reads the channel after this.
  for (std::size_t i = 0; i < task_state_count; ++i) {
    into.without_class.ended[i] +=
        sum_of([i](const task_cells& of) -> const counter& { return of.ended[i]; });
  }
  into.tasks.accepted += sum_of(&task_cells::accepted);
  into.steals = sum_of(&task_cells::steals);
  into.parks = sum_of(&task_cells::parks);
  for (const auto& each : workers_) {
    ++into.workers.total;
    switch (each->doing()) {
      case runner::activity::idle:
        ++into.workers.idle;
        break;
      case runner::activity::running:
        ++into.workers.running;
        break;
      case runner::activity::blocked:
        ++into.workers.blocked;
        break;
    }
  }
  into.min_workers = minimum_.load(std::memory_order_relaxed);
  into.max_workers = maximum_;
  into.active_workers = active();
  into.compensating = working() - std::min(working(), active());
  into.threads_started = threads_started_;
  into.thread_failures = thread_failures_;
  into.stuck = stuck_;
  into.stuck_total = stuck_total_;
  into.deadlocks = deadlocks_;
}

}  // namespace millpool
