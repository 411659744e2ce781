#include "src/pool/deadline_stops.hpp"

#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <memory>

namespace millpool {

const std::stop_token& task_context::own_stop_token() const {
  const deadline_stop* const made = place_.stops->made_for(*asked_, stop_token_, deadline_);
  if (made == nullptr) return stop_token_;
  // After it was made: who told the task to stop before could not request it.
  if (stop_requested()) std::stop_source{made->source()}.request_stop();
  return made->token();
}

void task_extras::give_back::operator()(task_extras* block) const noexcept {
  // relaxed: whoever made it was the task, which is over.
  delete block->stop.load(std::memory_order_relaxed);
  std::destroy_at(block);
  deallocate_block(block, sizeof(task_extras));
}

deadline_stop::~deadline_stop() {
  const lock_guard lock{all_.mutex_};
  std::erase(all_.running_, this);
}

const deadline_stop* deadline_stops::made_for(task_extras& asked, const std::stop_token& submitted,
                                              time_point due) {
  // acquire: what was made by another thread of the task's.
  if (const deadline_stop* made = asked.stop.load(std::memory_order_acquire)) return made;
  if (core_.forked()) return nullptr;  // the lock may be held for ever
  auto fresh = std::make_unique<deadline_stop>(*this, submitted, due);
  const deadline_stop* const here = fresh.get();
  {
    const lock_guard lock{mutex_};
    // relaxed: holders of the lock write.
    const deadline_stop* const made = asked.stop.load(std::memory_order_relaxed);
    if (made != nullptr) return made;
    if (!added_) {
      alarm_.ring = [this] { return request_until(core_.options().time->now()); };
      timers_.add(alarm_);
      added_ = true;
    }
    running_.push_back(fresh.get());
    asked.stop.store(fresh.release(), std::memory_order_release);
  }
  // If no thread can be had for it, the task has stop_requested().
  static_cast<void>(timers_.set(alarm_, due));
  return here;
}

std::stop_source deadline_stops::source_of(const task_extras& asked) noexcept {
  const lock_guard lock{mutex_};
  const deadline_stop* const made = asked.stop.load(std::memory_order_relaxed);
  return made != nullptr ? made->source() : std::stop_source{std::nostopstate};
}

// Of those whose time is up then. Returns when that of the next will be.
time_point deadline_stops::request_until(time_point moment) noexcept {
  for (;;) {
    std::stop_source due{std::nostopstate};
    time_point next = no_deadline;
    {
      const lock_guard lock{mutex_};
      for (deadline_stop* const each : running_) {
        if (each->source_.stop_requested()) continue;
        if (each->due_ <= moment) {
          due = each->source_;
          break;
        }
        next = std::min(next, each->due_);
      }
    }
    if (!due.stop_possible()) return next;
    due.request_stop();  // under no lock: it calls what is not ours
  }
}

}  // namespace millpool
