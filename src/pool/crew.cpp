#include "src/pool/crew.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace millpool {
namespace {

/// Blocks signals on this thread for a scope. A thread started meanwhile inherits that, and so
/// signals are handled by the program's own threads (promise P15); but for those that a thread
/// brings upon itself, which must reach their handler, and the profiler's.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
      sigdelset(&all, own);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

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

void crew::resize(std::size_t minimum, std::size_t maximum) {
  std::optional<std::system_error> failure;
  {
    const lock_guard lock{mutex_};
    set_bounds(minimum, maximum);
    failure = start_up_to_minimum();
  }
  reap();
  report(failure);
  core_.idle()
      .wake_all();  // surplus workers leave; those above the new minimum begin to count time
}

bool crew::grow() {
  std::optional<std::system_error> failure;
  {
    const lock_guard lock{mutex_};
    if (sealed_ || workers_.size() >= limit_) return true;
    failure = start_one();
  }
  reap();
  report(failure);
  return !failure;
}

bool crew::leave_if_surplus(worker& self) {
  if (!core_.conditions().any_of(pool_conditions::surplus)) return false;
  return leave_if(self, [this] { return workers_.size() > limit_; });
}

bool crew::leave_if_idle(worker& self) {
  return leave_if(self,
                  [this] { return workers_.size() > minimum_.load(std::memory_order_relaxed); });
}

template <class Condition>
bool crew::leave_if(worker& self, Condition may_leave) {
  {
    const lock_guard lock{mutex_};
    if (sealed_ || !may_leave()) return false;
    const auto at = std::ranges::find(workers_, &self, &std::unique_ptr<worker>::get);
    departed_.push_back(std::move(*at));
    workers_.erase(at);
    count_workers();
  }
  // A task may have come while this worker was still counted, and so no other was started or woken.
  heavy_barrier();  // who keeps a task sees the room for one more, or we see the task; so below
  if (core_.task_visible()) core_.wake_for_work();
  return true;
}

void crew::worker_blocks() {
  {
    const lock_guard lock{mutex_};
    ++blocked_;
    update_limit();
  }
  heavy_barrier();
  if (core_.task_visible()) core_.wake_for_work();
}

void crew::worker_unblocks() noexcept {
  const lock_guard lock{mutex_};
  --blocked_;
  update_limit();
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
  update_limit();
}

void crew::update_limit() noexcept {
  limit_ = maximum_ + std::min(blocked_, core_.options().max_compensation);
  show();
}

void crew::count_workers() noexcept {
  live_.store(workers_.size(), std::memory_order_relaxed);
  show();
}

void crew::show() const noexcept {
  core_.show_workers(workers_.size() > limit_, workers_.size() < limit_);
}

std::optional<std::system_error> crew::start_up_to_minimum() {
  std::optional<std::system_error> failure;
  while (!failure && !sealed_ && workers_.size() < minimum_.load(std::memory_order_relaxed)) {
    failure = start_one();
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
  of_the_gone_.accepted += cells.accepted.load();
  of_the_gone_.settled += cells.settled.load();
  for (std::size_t i = 0; i < task_state_count; ++i) of_the_gone_.ended[i] += cells.ended[i].load();
  of_the_gone_.wait.merge(cells.wait.snapshot());
  of_the_gone_.run.merge(cells.run.snapshot());
}

// Under one lock: a runner that leaves is counted once.
std::uint64_t crew::settled() {
  const lock_guard lock{mutex_};
  std::uint64_t sum = of_the_gone_.settled;
  visit_all([&](const runner& each) { sum += each.cells().settled.load(); });
  return sum;
}

std::uint64_t crew::accepted() {
  const lock_guard lock{mutex_};
  std::uint64_t sum = of_the_gone_.accepted;
  visit_all([&](const runner& each) { sum += each.cells().accepted.load(); });
  return sum;
}

void crew::add_up(pool_stats& into) {
  const lock_guard lock{mutex_};
  std::vector<const runner*> all{guests_.begin(), guests_.end()};
  for (const auto& each : workers_) all.push_back(each.get());
  for (const auto& each : departed_) all.push_back(each.get());

  // What ended is read before what was accepted, so that no task is seen to end that was not seen
  // to be accepted. The caller reads the channel after this.
  for (std::size_t i = 0; i < task_state_count; ++i) {
    std::uint64_t& ended = into.tasks.of(static_cast<task_state>(i));
    ended += of_the_gone_.ended[i];
    for (const runner* each : all) ended += each->cells().ended[i].load();
  }
  into.tasks.accepted += of_the_gone_.accepted;
  for (const runner* each : all) into.tasks.accepted += each->cells().accepted.load();

  into.wait = of_the_gone_.wait;
  into.run = of_the_gone_.run;
  for (const runner* each : all) {
    into.wait.merge(each->cells().wait.snapshot());
    into.run.merge(each->cells().run.snapshot());
  }
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
  into.thread_failures = thread_failures_;
}

}  // namespace millpool
