#include "millpool/policy/pool_breaker.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace millpool {
namespace {

[[nodiscard]] bool lets_all_pass(breaker_state state) noexcept {
  return state == breaker_state::closed || state == breaker_state::metrics_only ||
         state == breaker_state::disabled;
}

}  // namespace

pool_breaker::pool_breaker(breaker_options options, when_open then)
    : then_{then},
      counts_each_{options.slow_call_rate_threshold.has_value() ||
                   options.sliding_window.by == sliding_window::unit::time},
      breaker_{[&] {
        options.on_transition = [this, told = std::move(options.on_transition)](
                                    const breaker_transition& transition) {
          // relaxed: a count, read by people.
          entered_[static_cast<std::size_t>(transition.to)].fetch_add(1, std::memory_order_relaxed);
          tell_pool();
          if (told) told(transition);
        };
        return std::move(options);
      }()} {}

void pool_breaker::attach(std::function<void()> changed, const clock& time) {
  if (&time != breaker_.options().time) {
    throw std::invalid_argument{"breaker '" + breaker_.options().name +
                                "': its time is another clock than the pool's"};
  }
  // Before the lock, which who uses it may hold, and wait for the caller's.
  if (in_use_.exchange(true)) {
    throw std::invalid_argument{"breaker '" + breaker_.options().name +
                                "' is in use: each pool, and each task class, needs its own"};
  }
  const lock_guard lock{mutex_};
  changed_ = std::move(changed);
}

void pool_breaker::detach() noexcept {
  const lock_guard lock{mutex_};
  changed_ = nullptr;
  in_use_ = false;
}

task_breaker::report pool_breaker::look() const {
  report seen{.name = breaker_.options().name, .state = to_string(breaker_.state()), .entered = {}};
  for (std::size_t i = 0; i < breaker_state_count; ++i) {
    seen.entered.push_back(
        {to_string(static_cast<breaker_state>(i)), entered_[i].load(std::memory_order_relaxed)});
  }
  return seen;
}

void pool_breaker::tell_pool() noexcept {
  const lock_guard lock{mutex_};
  if (changed_) changed_();
}

bool pool_breaker::asks() const noexcept {
  const breaker_state state = breaker_.state();
  return counts_each_ ? state != breaker_state::disabled : !lets_all_pass(state);
}

bool pool_breaker::refuses() const noexcept {
  return !lets_all_pass(breaker_.state()) && !breaker_.would_permit();
}

task_breaker::answer pool_breaker::ask() noexcept {
  // What passes unasked is counted in bulk, and must not be counted twice.
  if (!asks()) return {true};
  auto permitted = breaker_.try_acquire();
  if (!permitted) return {false};
  return {true, take_apart(*permitted)};
}

task_breaker::permit pool_breaker::take_apart(circuit_breaker::call& whole) noexcept {
  whole.from_ = nullptr;  // its end is told by the permit
  return {whole.epoch_, whole.probe_, whole.began_};
}

circuit_breaker::call pool_breaker::call_of(const permit& told) noexcept {
  return {breaker_, told.epoch, told.probe, told.began};
}

void pool_breaker::end(const permit& told, const std::exception_ptr& error) noexcept {
  auto call = call_of(told);
  error&& breaker_.confirms_failure(error) ? call.fail() : call.succeed();
}

void pool_breaker::drop(const permit& told) noexcept {
  call_of(told).drop();
  // Another may be made in its place.
  if (breaker_.state() == breaker_state::half_open) tell_pool();
}

void pool_breaker::fail(const std::exception_ptr& error, std::uint64_t succeeded) noexcept {
  const bool counts = breaker_.confirms_failure(error);
  breaker_.record(counts ? succeeded : succeeded + 1, counts ? 1 : 0);
}

std::shared_ptr<pool_breaker> break_by(breaker_options options, when_open then) {
  return std::make_shared<pool_breaker>(std::move(options), then);
}

}  // namespace millpool
