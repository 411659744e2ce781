#include "src/pool/breaker_gate.hpp"

#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <utility>

namespace millpool {

std::string_view to_string(when_open then) noexcept {
  switch (then) {
    case when_open::hold:
      return "hold";
    case when_open::reject:
      return "reject";
    case when_open::fallback:
      return "fallback";
  }
  return "unknown";
}

void breaker_gate::attach(std::shared_ptr<task_breaker> breaker, class_record* of_class) {
  if (breaker == nullptr) return;
  breaker_record& record = of_class != nullptr ? of_class->breaker : of_pool_;
  record.breaker = std::move(breaker);
  record.of_class = of_class;
  try {
    record.breaker->attach([this, &record] { changed(record); });
  } catch (...) {
    record.breaker = nullptr;
    throw;
  }
  changed(record);  // it may be open already, or ask for each
}

void breaker_gate::detach(class_record* of_class) noexcept {
  const breaker_record& record = of_class != nullptr ? of_class->breaker : of_pool_;
  if (record.breaker != nullptr) record.breaker->detach();
}

breaker_record* breaker_gate::record_of(class_record* of_class) noexcept {
  if (of_class != nullptr && of_class->breaker.breaker != nullptr) return &of_class->breaker;
  return of_pool_.breaker != nullptr ? &of_pool_ : nullptr;
}

void breaker_gate::changed(breaker_record& record) noexcept {
  {
    const lock_guard lock{record.counted_mutex};
    record.counted = succeeded_of(record);
  }
  const lock_guard lock{mutex_};
  if (record.of_class == nullptr) core_.show_asks_breaker(record.breaker->asks());
  ++changes_;
  happened_.notify_all();
}

std::uint64_t breaker_gate::succeeded_of(const breaker_record& record) {
  if (record.of_class != nullptr) return record.of_class->count_of(task_state::succeeded);
  return core_.succeeded_without_breaker();
}

breaker_gate::pass breaker_gate::enter(class_record* of_class, time_point until) {
  breaker_record* const record = record_of(of_class);
  if (record == nullptr) return {};
  task_breaker& breaker = *record->breaker;
  while (breaker.asks()) {
    std::uint64_t changes = 0;
    {
      const lock_guard lock{mutex_};
      changes = changes_;  // before it is asked: what happens after ends the wait
    }
    const task_breaker::answer answer = breaker.ask();
    if (answer.may_start) return {.by = record, .permit = answer.told};
    if (breaker.then() == when_open::reject) return {.is_refused = true};
    if (breaker.then() == when_open::fallback) return {.in_fallback = true};
    if (!hold(changes, breaker.ask_again_at(), until)) return {};
  }
  return {.by = record};
}

// Until something has changed, or it is time to ask again. Returns false if it is not to be asked.
bool breaker_gate::hold(std::uint64_t changes, time_point again, time_point until) noexcept {
  const clock& time = *core_.options().time;
  unique_lock lock{mutex_};
  (void)wait_until(happened_, lock, time, std::min(again, until),
                   [&] { return changes_ != changes || all_may_go_; });
  return !all_may_go_ && time.now() < until;
}

void breaker_gate::leave(const pass& given, task_state state,
                         const std::exception_ptr& error) noexcept {
  if (given.by == nullptr) return;
  task_breaker& breaker = *given.by->breaker;
  const bool has_failed = state == task_state::failed;
  if (given.permit) {
    has_failed || state == task_state::succeeded ? breaker.end(*given.permit, error)
                                                 : breaker.drop(*given.permit);
  } else if (has_failed) {
    std::uint64_t since = 0;
    {
      const lock_guard lock{given.by->counted_mutex};
      const std::uint64_t now = succeeded_of(*given.by);
      since = now - std::exchange(given.by->counted, now);
    }
    breaker.fail(error, since);
  }
}

bool breaker_gate::refuses(class_record* of_class) noexcept {
  const breaker_record* const record = record_of(of_class);
  if (record == nullptr || record->breaker->then() != when_open::reject) return false;
  return record->breaker->refuses();
}

void breaker_gate::let_all_go() noexcept {
  const lock_guard lock{mutex_};
  all_may_go_ = true;
  happened_.notify_all();
}

}  // namespace millpool
