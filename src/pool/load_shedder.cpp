#include "src/pool/load_shedder.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/stamp.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <new>
#include <utility>

namespace millpool {
namespace {

// More looks say no more.
constexpr duration shortest_period = std::chrono::milliseconds{1};

// What has waited for so many targets is given up.
constexpr int stale = 2;

}  // namespace

load_shedder::load_shedder(pool_core& core)
    : core_{core},
      options_{core.options().shedding},
      period_{std::max(shortest_period, options_.value_or(shedding_options{}).target / 2)},
      coarseness_{core.options().time->coarseness()},
      alarm_{[this] { return ring(); }},
      codel_{options_.value_or(shedding_options{}).target,
             options_.value_or(shedding_options{}).interval, period_} {
  if (is_on()) core_.add(alarm_);
}

void load_shedder::look() noexcept {
  const lock_guard lock{mutex_};
  if (is_watching_) return;
  // If no thread can be had for it, the next one tries again.
  if (!core_.set(alarm_, deadline_after(core_.options().time->now(), period_))) return;
  is_watching_ = true;
  core_.conditions().clear(pool_conditions::may_shed);
}

bool load_shedder::refuses(std::size_t lane) noexcept {
  const std::size_t highest = lane_.load(std::memory_order_relaxed);
  if (lane != highest) return lane > highest;
  return core_.channel().ready(lane) >= depth_max_.load(std::memory_order_relaxed);
}

double load_shedder::pressure(std::size_t lane) const noexcept {
  if (!is_on()) return 0.0;
  duration::rep longest = 0;
  for (std::size_t each = 0; each <= lane; ++each) {
    longest = std::max(longest, waits_[each].load(std::memory_order_relaxed));
  }
  return static_cast<double>(longest) / (stale * static_cast<double>(options_->target.count()));
}

void load_shedder::shed(queued_task&& task, const arrival& when) noexcept {
  shed_[when.lane].fetch_add(1, std::memory_order_relaxed);
  if (completion* const told = task.target()) {
    told->fail(std::make_exception_ptr(submit_error{submit_errc::shed}));
  }
  core_.end_outside(std::move(task), when.came, task_state::discarded);
}

// Returns when to look again.
time_point load_shedder::ring() {
  const time_point now = core_.options().time->now();
  const snapshot seen = core_.channel().look();
  const time_point again = deadline_after(now, period_);
  if (!may_shed()) return may_rest() ? no_deadline : again;
  const lane_codel::waits waits = waits_in(seen, now);
  show(waits);
  if (began_ == time_point{}) begin_interval(seen, now);
  if (codel_.look(now, waits)) {
    decide(seen, now);
    begin_interval(seen, now);
  }
  if (const auto highest = codel_.standing()) {
    try {
      give_up_stale(*highest, now);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): at the next look, maybe
    }
  } else if (seen.waiting == 0 && may_rest()) {
    return no_deadline;
  }
  return again;
}

// What a pause holds back is no overload, and what was accepted before close() is to run.
bool load_shedder::may_shed() const noexcept {
  return !core_.paused() && !core_.conditions().any_of(pool_conditions::closes);
}

lane_codel::waits load_shedder::waits_in(const snapshot& seen, time_point now) const noexcept {
  lane_codel::waits waits{};
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    if (!seen.oldest_of[lane]) continue;
    waits[lane] = std::max(surely_waited(*seen.oldest_of[lane], now), duration{1});
  }
  return waits;
}

// A time that is not exact may be early: see stamp.hpp.
duration load_shedder::surely_waited(time_point came, time_point now) const noexcept {
  const duration waited = now - stamp::time_of(came);
  return stamp::stands_for(came) == 0 ? waited - coarseness_ : waited;
}

// An interval is over.
void load_shedder::decide(const snapshot& seen, time_point now) noexcept {
  const auto highest = codel_.standing();
  if (!highest) return end_overload();
  // By Little's law: who comes as so many wait is served in a target; and one that is about to be.
  using seconds = std::chrono::duration<double>;
  const std::int64_t served = served_in(seen, *highest) - served_[*highest];
  const double per_second = static_cast<double>(std::max<std::int64_t>(served, 0)) /
                            seconds{std::max(now - began_, period_)}.count();
  const double waits = per_second * seconds{options_->target}.count();
  depth_max_.store(1 + static_cast<std::size_t>(std::ceil(waits)), std::memory_order_relaxed);
  lane_.store(*highest, std::memory_order_relaxed);
  if (core_.conditions().any_of(pool_conditions::sheds)) return;
  if (options_->newest_first) core_.channel().serve_newest_first(true);
  core_.conditions().set(pool_conditions::sheds);
}

void load_shedder::begin_interval(const snapshot& seen, time_point now) noexcept {
  began_ = now;
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    served_[lane] = served_in(seen, lane);
  }
}

// What is displaced just now is counted in one of these already, and in the other not yet.
std::int64_t load_shedder::served_in(const snapshot& seen, std::size_t lane) const noexcept {
  return static_cast<std::int64_t>(seen.taken[lane]) - static_cast<std::int64_t>(shed(lane));
}

// One at a time: their ends are told under no lock, and whoever takes tasks need not wait for all.
void load_shedder::give_up_stale(std::size_t highest, time_point now) {
  const auto is_stale = [&](time_point came) {
    return surely_waited(came, now) > stale * options_->target;
  };
  bool any = false;
  for (std::size_t lane = lane_count; lane-- > highest;) {
    arrival when;
    while (may_shed()) {
      auto task = core_.channel().take_oldest_if(lane, is_stale, &when);
      if (!task) break;
      shed(std::move(*task), when);
      any = true;
    }
  }
  if (any) core_.wake_for_work();  // a key may have become free
}

void load_shedder::end_overload() noexcept {
  lane_.store(no_lane, std::memory_order_relaxed);
  if (!core_.conditions().any_of(pool_conditions::sheds)) return;
  core_.conditions().clear(pool_conditions::sheds);
  if (options_->newest_first) core_.channel().serve_newest_first(false);
}

void load_shedder::show(const lane_codel::waits& waits) noexcept {
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    waits_[lane].store(waits[lane].count(), std::memory_order_relaxed);
  }
}

// Whether it need not look again until a submission calls.
bool load_shedder::may_rest() noexcept {
  end_overload();
  codel_.forget();
  began_ = {};
  show({});
  {
    const lock_guard lock{mutex_};
    is_watching_ = false;
    core_.conditions().set(pool_conditions::may_shed);
  }
  heavy_barrier();  // I1
  if (!core_.channel().can_take() || core_.conditions().any_of(pool_conditions::closes))
    return true;
  const lock_guard lock{mutex_};
  if (is_watching_) return true;  // that submission has come, and set the alarm
  is_watching_ = true;
  core_.conditions().clear(pool_conditions::may_shed);
  return false;
}

}  // namespace millpool
