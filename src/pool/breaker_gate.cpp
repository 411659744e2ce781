#include "src/pool/breaker_gate.hpp"

#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <chrono>
#include <new>
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
    record.breaker->attach([this, &record] { changed(record); }, *core_.options().time);
  } catch (...) {
    record.breaker = nullptr;
    throw;
  }
  if (of_class != nullptr && record.breaker->then() == when_open::hold) add_alarm(record);
  core_.conditions().set(pool_conditions::judged);
  changed(record);  // it may be open already, or ask for each
}

void breaker_gate::add_alarm(breaker_record& record) try {
  record.look_again.ring = [this, &record] { return look_again(record); };
  core_.add(record.look_again);
} catch (...) {
  std::exchange(record.breaker, nullptr)->detach();
  throw;
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
  if (!record.breaker->asks()) {
    const lock_guard lock{record.counted_mutex};
    record.counted = succeeded_of(record);
  }
  bool is_holding = false;
  {
    const lock_guard lock{mutex_};
    if (record.of_class == nullptr) core_.show_asks_breaker(record.breaker->asks());
    changes_.fetch_add(1);
    is_holding = record.is_holding;
    happened_.notify_all();
  }
  // Not from here, under the breaker's lock.
  if (is_holding) (void)core_.set(record.look_again, core_.options().time->now());
}

void breaker_gate::wake() noexcept {
  const lock_guard lock{mutex_};
  happened_.notify_all();
}

std::uint64_t breaker_gate::succeeded_of(const breaker_record& record) {
  if (record.of_class != nullptr) return record.of_class->count_of(task_state::succeeded);
  return core_.succeeded_without_breaker();
}

breaker_gate::pass breaker_gate::enter(class_record* of_class, bool is_nested, time_point until,
                                       const std::stop_token& stop) {
  breaker_record* const record = record_of(of_class);
  if (record == nullptr) return {};
  task_breaker& breaker = *record->breaker;
  while (breaker.asks()) {
    const std::uint64_t changes = changes_.load();  // what happens after it is asked ends the wait
    const task_breaker::answer answer = breaker.ask();
    if (answer.may_start) return {.by = record, .permit = answer.told};
    if (breaker.then() == when_open::fallback) return {.in_fallback = true};
    if (is_nested) return {};
    if (breaker.then() == when_open::reject) return {.is_refused = true};
    if (record->of_class != nullptr && core_.options().time->now() < until) {
      if (hold_class(*record, changes)) return {.is_held = true};
      if (changes_.load() != changes) continue;
    }
    if (!hold(changes, breaker.ask_again_at(), until, stop)) return {};
  }
  return {.by = record};
}

// Until something has changed, or it is time to ask again, and there is no pause. Returns false if
// it is not to be asked.
bool breaker_gate::hold(std::uint64_t changes, time_point again, time_point until,
                        const std::stop_token& stop) {
  const clock& time = *core_.options().time;
  const std::stop_callback wake_by_stop{stop, [this] { wake(); }};
  unique_lock lock{mutex_};
  const auto is_let_go = [&] { return all_may_go_ || stop.stop_requested(); };
  (void)wait_until(happened_, lock, time, std::min(again, until),
                   [&] { return changes_.load() != changes || is_let_go(); });
  (void)wait_until(happened_, lock, time, until, [&] { return !core_.paused() || is_let_go(); });
  return !is_let_go() && time.now() < until;
}

// \return false: something has changed, or nobody would let them go.
bool breaker_gate::hold_class(breaker_record& record, std::uint64_t changes) try {
  {
    const lock_guard lock{mutex_};
    if (changes_.load() != changes || all_may_go_) return false;
    core_.hold_back(*record.of_class->key());
    record.is_holding = true;
  }
  // A change that came since then could not set it, or did so before.
  const bool rings = core_.set(record.look_again, record.breaker->ask_again_at());
  const bool changed = changes_.load() != changes;
  if (rings && (!changed || core_.set(record.look_again, core_.options().time->now()))) return true;
  let_go(record);
  return false;
} catch (const std::bad_alloc&) {
  return false;
}

// The alarm's.
time_point breaker_gate::look_again(breaker_record& record) noexcept {
  if (record.breaker->asks() && record.breaker->refuses()) {
    constexpr duration at_least = std::chrono::milliseconds{1};  // whatever it says
    const time_point now = core_.options().time->now();
    return std::max(record.breaker->ask_again_at(), deadline_after(now, at_least));
  }
  let_go(record);
  return no_deadline;
}

void breaker_gate::let_go(breaker_record& of_class) noexcept {
  {
    const lock_guard lock{mutex_};
    if (!std::exchange(of_class.is_holding, false)) return;
  }
  core_.let_go(*of_class.of_class->key());
}

void breaker_gate::tell(const pass& given, task_state state,
                        const std::exception_ptr& error) noexcept {
  if (core_.forked()) return;  // its locks may be held for ever
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
      // What is read while tasks end may be less than what was read before.
      since = now - std::min(now, given.by->counted);
      given.by->counted += since;
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
