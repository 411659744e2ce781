#include "src/pool/timers.hpp"

#include "millpool/sync/signals_blocked.hpp"
#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <pthread.h>
#include <utility>

namespace millpool {
namespace {

void refuse(queued_task& task, submit_errc why) noexcept {
  end_unaccepted(std::move(task), std::make_exception_ptr(submit_error{why}));
}

}  // namespace

std::expected<void, submit_errc> timers::add(queued_task& task, unsigned lane, time_point due) {
  entry later{due, 0, lane, std::move(task), nullptr, {}};
  auto added = add(later);
  if (!added) task = std::move(later.task);
  return added;
}

std::expected<void, submit_errc> timers::add(std::shared_ptr<detail::repeated_task> task,
                                             unsigned lane, time_point due, duration period) {
  entry later{due, 0, lane, {}, std::move(task), period};
  return add(later);
}

// \param  later  moved from if it is added.
std::expected<void, submit_errc> timers::add(entry& later) {
  const time_point due = later.due;
  const lock_guard lock{mutex_};
  if (closed_) return std::unexpected{submit_errc::closed};
  if (heap_.size() >= core_.changeable().delayed_capacity()) {
    return std::unexpected{submit_errc::full};
  }
  if (!thread_.joinable()) start_thread();
  // One more than needed, for what the thread has taken out and may put back.
  if (heap_.capacity() < heap_.size() + 2)
    heap_.reserve(std::max<std::size_t>(16, 2 * heap_.size()));
  const bool is_earliest = heap_.empty() || due < heap_.front().due;
  put(std::move(later));
  if (is_earliest) changed_.notify_one();
  return {};
}

// REQUIRES: mutex_ is held, and there is room.
void timers::put(entry&& later) noexcept {
  later.number = next_number_++;
  heap_.push_back(std::move(later));
  std::ranges::push_heap(heap_, std::greater{});
}

void timers::forget(detail::repeated_task& task) noexcept {
  std::shared_ptr<detail::repeated_task> gone;  // its closure is not destroyed under the lock
  const lock_guard lock{mutex_};
  task.is_over = true;
  const auto at =
      std::ranges::find_if(heap_, [&](const entry& each) { return each.repeated.get() == &task; });
  if (at == heap_.end()) return;
  std::swap(*at, heap_.back());
  gone = std::move(heap_.back().repeated);
  heap_.pop_back();
  std::ranges::make_heap(heap_, std::greater{});
}

void timers::add(alarm& added) {
  const lock_guard lock{mutex_};
  alarms_.push_back(&added);
}

bool timers::set(alarm& which, time_point due) noexcept {
  const lock_guard lock{mutex_};
  if (ended_) return false;
  try {
    if (!thread_.joinable()) start_thread();
  } catch (const std::exception&) {
    return false;
  }
  if (due >= which.due) return true;
  which.due = due;
  changed_.notify_one();
  return true;
}

void timers::start_thread() {
  auto body = [this, core = core_.shared_from_this()] { main(); };
  const signals_blocked during_start;
  const auto& start = core_.options().start_thread;
  thread_ = start ? start(std::move(body)) : std::thread{std::move(body)};
}

void timers::main() noexcept {
  const std::string name = core_.options().name.substr(0, 9) + "/timer";
  pthread_setname_np(pthread_self(), name.c_str());
  const clock& time = *core_.options().time;
  unique_lock lock{mutex_};
  while (!ended_) {
    const time_point due = first_due();
    if (wait_until(changed_, lock, time, due, [&] { return ended_ || first_due() < due; }))
      continue;
    if (alarm* const first = first_alarm(); first != nullptr && first->due == due) {
      let_ring(*first, lock);
      continue;
    }
    if (heap_.empty() || heap_.front().due != due) continue;  // it was forgotten meanwhile
    entry first = take_first();
    const duration late = std::max(time.now() - first.due, duration::zero());
    lock.unlock();
    submit(first);
    lock.lock();
    if (!first.repeated || first.repeated->is_over || closed_) continue;
    // Not the turns that had passed when this one was taken.
    first.due = deadline_after(first.due, first.period * (late / first.period + 1));
    put(std::move(first));
  }
}

alarm* timers::first_alarm() const noexcept {
  const auto first = std::ranges::min_element(alarms_, {}, [](const alarm* of) { return of->due; });
  return first != alarms_.end() ? *first : nullptr;
}

time_point timers::first_due() const noexcept {
  const alarm* const first = first_alarm();
  const time_point rings = first != nullptr ? first->due : no_deadline;
  return heap_.empty() ? rings : std::min(rings, heap_.front().due);
}

void timers::let_ring(alarm& due, unique_lock& lock) noexcept {
  due.due = no_deadline;
  lock.unlock();
  const time_point again = due.ring();
  lock.lock();
  due.due = std::min(due.due, again);
}

void timers::submit(entry& due) noexcept {
  try {
    if (due.repeated) due.task = due.repeated->make();
    if (!due.task) return;  // the last turn is not over
    const auto accepted = core_.accept_due(due.task, due.lane);
    if (!accepted) refuse(due.task, accepted.error());
  } catch (const std::bad_alloc&) {
    if (due.task) end_unaccepted(std::move(due.task), std::current_exception());
  }
}

// REQUIRES: there is one.
timers::entry timers::take_first() noexcept {
  std::ranges::pop_heap(heap_, std::greater{});
  entry first = std::move(heap_.back());
  heap_.pop_back();
  return first;
}

void timers::close() noexcept {
  std::vector<entry> left;
  {
    const lock_guard lock{mutex_};
    closed_ = true;
    left.swap(heap_);
  }
  for (entry& each : left) {
    if (each.task) refuse(each.task, submit_errc::closed);
  }
}

void timers::join() {
  {
    const lock_guard lock{mutex_};
    ended_ = true;
    changed_.notify_one();
  }
  // Nobody else touches it: none is started from here on.
  if (!thread_.joinable()) return;
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

std::size_t timers::size() const {
  const lock_guard lock{mutex_};
  return heap_.size();
}

}  // namespace millpool
