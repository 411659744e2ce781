#include "millpool/policy/circuit_breaker.hpp"

#include "millpool/base/assert.hpp"
#include "src/policy/outcome_window.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace millpool {
namespace {

[[nodiscard]] double rate(std::size_t part, std::size_t of) noexcept {
  return of == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(of);
}

void require(bool holds, const breaker_options& o, const std::string& what) {
  if (!holds) throw std::invalid_argument{"circuit_breaker '" + o.name + "': " + what};
}

[[nodiscard]] bool is_rate(double value) { return value >= 0.0 && value < 1.0; }  // not of a NaN

[[nodiscard]] breaker_options checked(breaker_options o) {
  const auto number = [](auto value) { return std::to_string(value); };
  const std::size_t size = o.sliding_window.size;
  const bool counts = o.sliding_window.by == sliding_window::unit::count;
  require(is_rate(o.failure_rate_threshold), o,
          "failure_rate_threshold must be at least 0 and below 1, is " +
              number(o.failure_rate_threshold));
  require(!o.slow_call_rate_threshold || is_rate(*o.slow_call_rate_threshold), o,
          "slow_call_rate_threshold must be at least 0 and below 1, is " +
              number(o.slow_call_rate_threshold.value_or(0)));
  require(o.slow_call_duration > duration::zero(), o, "slow_call_duration must be above 0");
  require(o.minimum_calls > 0, o, "minimum_calls must be at least 1, is 0");
  require(size > 0, o, "sliding_window must hold at least 1, holds 0");
  require(size <= (counts ? 1'000'000U : 3'600U), o,
          counts ? "sliding_window holds at most 1000000 calls, not " + number(size)
                 : "sliding_window holds at most 3600 seconds, not " + number(size));
  require(!counts || o.minimum_calls <= size, o,
          "minimum_calls is " + number(o.minimum_calls) + ", more than the sliding_window of " +
              number(size) + " calls holds");
  require(o.wait_in_open > duration::zero(), o, "wait_in_open must be above 0");
  require(o.backoff >= 1.0 && std::isfinite(o.backoff), o,
          "backoff must be at least 1, is " + number(o.backoff));
  require(o.max_wait_in_open >= o.wait_in_open, o, "max_wait_in_open is below wait_in_open");
  require(o.permitted_calls_in_half_open > 0, o,
          "permitted_calls_in_half_open must be at least 1, is 0");
  require(o.probe_lease > duration::zero(), o, "probe_lease must be above 0");
  require(o.time != nullptr, o, "time must be a clock");
  return o;
}

}  // namespace

std::string_view to_string(breaker_state state) noexcept {
  switch (state) {
    case breaker_state::closed:
      return "closed";
    case breaker_state::open:
      return "open";
    case breaker_state::half_open:
      return "half_open";
    case breaker_state::forced_open:
      return "forced_open";
    case breaker_state::disabled:
      return "disabled";
    case breaker_state::metrics_only:
      return "metrics_only";
  }
  return "unknown";
}

// ---- call

circuit_breaker::call::call(call&& other) noexcept
    : from_{std::exchange(other.from_, nullptr)},
      epoch_{other.epoch_},
      probe_{other.probe_},
      began_{other.began_} {}

circuit_breaker::call& circuit_breaker::call::operator=(call&& other) noexcept {
  if (this != &other) {
    drop();
    from_ = std::exchange(other.from_, nullptr);
    epoch_ = other.epoch_;
    probe_ = other.probe_;
    began_ = other.began_;
  }
  return *this;
}

void circuit_breaker::call::end(bool failed) noexcept {
  if (circuit_breaker* const told = std::exchange(from_, nullptr)) told->record(*this, failed);
}

void circuit_breaker::call::drop() noexcept {
  if (circuit_breaker* const told = std::exchange(from_, nullptr)) told->give_back(*this);
}

// ---- what is done under the lock

struct circuit_breaker::tally {
  explicit tally(const sliding_window& size) : window{size} {}
  outcome_window window;
  outcome_counts probes_ended;  // in half_open
};

/// Holds the lock; a transition is told once it is free.
class circuit_breaker::locked {
 public:
  explicit locked(circuit_breaker& of) noexcept : of_{of}, lock_{of.mutex_} {}
  ~locked() {
    lock_.unlock();
    if (told_ && of_.options_.on_transition) of_.options_.on_transition(*told_);
  }
  locked(const locked&) = delete;
  locked& operator=(const locked&) = delete;

  void tell(const breaker_transition& about) noexcept {
    const breaker_state from = told_ ? told_->from : about.from;
    told_ = about;
    told_->from = from;
  }

 private:
  circuit_breaker& of_;
  unique_lock lock_;
  std::optional<breaker_transition> told_;
};

void circuit_breaker::go_to(breaker_state next, time_point now, locked& under) noexcept {
  const breaker_state before = state_.load(std::memory_order_relaxed);
  const outcome_counts counted =
      before == breaker_state::half_open ? tally_->probes_ended : tally_->window.at(now);
  under.tell({options_.name, before, next, rate(counted.failed, counted.calls),
              rate(counted.slow, counted.calls)});
  if (next == breaker_state::open) {
    open_until_ = deadline_after(now, wait_now());
    ++opened_in_a_row_;
  } else if (next != breaker_state::half_open) {
    opened_in_a_row_ = 0;
  }
  const bool goes_on = before == breaker_state::closed && next == breaker_state::metrics_only;
  if (next != breaker_state::open && !goes_on) tally_->window.clear();
  probes_.clear();
  tally_->probes_ended = {};
  // relaxed: whoever decides by them does so under the lock, or may be late.
  epoch_.fetch_add(1, std::memory_order_relaxed);
  state_.store(next, std::memory_order_relaxed);
}

duration circuit_breaker::wait_now() const noexcept {
  const auto most = static_cast<double>(options_.max_wait_in_open.count());
  const double wait = static_cast<double>(options_.wait_in_open.count()) *
                      std::pow(options_.backoff, static_cast<double>(opened_in_a_row_));
  return wait < most ? duration{static_cast<duration::rep>(wait)} : options_.max_wait_in_open;
}

bool circuit_breaker::exceed_a_threshold(const outcome_counts& counted) const noexcept {
  return rate(counted.failed, counted.calls) > options_.failure_rate_threshold ||
         (options_.slow_call_rate_threshold &&
          rate(counted.slow, counted.calls) > *options_.slow_call_rate_threshold);
}

// REQUIRES: it is closed.
void circuit_breaker::judge(time_point now, locked& under) noexcept {
  const outcome_counts& counted = tally_->window.at(now);
  if (counted.calls >= options_.minimum_calls && exceed_a_threshold(counted)) {
    go_to(breaker_state::open, now, under);
  }
}

// REQUIRES: it is half open.
void circuit_breaker::judge_probes(time_point now, locked& under) noexcept {
  if (tally_->probes_ended.calls < options_.permitted_calls_in_half_open) return;
  go_to(exceed_a_threshold(tally_->probes_ended) ? breaker_state::open : breaker_state::closed, now,
        under);
}

// \return whether it was under way.
bool circuit_breaker::end_probe(std::uint32_t number) noexcept {
  return std::erase_if(probes_, [&](const probe& each) { return each.number == number; }) > 0;
}

void circuit_breaker::end_expired_probes(time_point now) noexcept {
  const auto gone = std::erase_if(probes_, [&](const probe& each) { return each.until <= now; });
  for (std::size_t i = 0; i < gone; ++i) tally_->probes_ended.add(true, false);
}

// ---- circuit_breaker

circuit_breaker::circuit_breaker(breaker_options options)
    : options_{checked(std::move(options))},
      tally_{std::make_unique<tally>(options_.sliding_window)} {
  probes_.reserve(options_.permitted_calls_in_half_open);
}

circuit_breaker::~circuit_breaker() = default;

std::expected<circuit_breaker::call, submit_errc> circuit_breaker::try_acquire() noexcept {
  // relaxed, twice: a call of an epoch that is over counts nowhere.
  const std::uint32_t epoch = epoch_.load(std::memory_order_relaxed);
  switch (state_.load(std::memory_order_relaxed)) {
    case breaker_state::closed:
    case breaker_state::metrics_only:
    case breaker_state::disabled:
      return call{*this, epoch, 0, options_.time->now()};
    default:
      return ask();
  }
}

std::expected<circuit_breaker::call, submit_errc> circuit_breaker::ask() noexcept {
  const time_point now = options_.time->now();
  locked under{*this};
  const auto is = [this](breaker_state state) {
    return state_.load(std::memory_order_relaxed) == state;
  };
  if (is(breaker_state::open) && now >= open_until_) go_to(breaker_state::half_open, now, under);
  if (is(breaker_state::half_open)) {
    end_expired_probes(now);
    judge_probes(now, under);
  }
  const std::uint32_t epoch = epoch_.load(std::memory_order_relaxed);
  if (is(breaker_state::half_open) && has_room_for_probe()) {
    if (++next_probe_ == 0) ++next_probe_;  // 0 is no probe
    probes_.push_back({next_probe_, deadline_after(now, options_.probe_lease)});
    return call{*this, epoch, next_probe_, now};
  }
  if (is(breaker_state::open) || is(breaker_state::forced_open) || is(breaker_state::half_open)) {
    // relaxed: a count, read by people.
    not_permitted_.fetch_add(1, std::memory_order_relaxed);
    return std::unexpected{submit_errc::breaker_open};
  }
  return call{*this, epoch, 0, now};
}

bool circuit_breaker::has_room_for_probe() const noexcept {
  return probes_.size() + tally_->probes_ended.calls < options_.permitted_calls_in_half_open;
}

bool circuit_breaker::would_permit() const noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  switch (state()) {
    case breaker_state::forced_open:
      return false;
    case breaker_state::open:
      return now >= open_until_;
    case breaker_state::half_open:
      return has_room_for_probe() || first_lease_ends() <= now;
    default:
      return true;
  }
}

time_point circuit_breaker::next_chance() const noexcept {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  switch (state()) {
    case breaker_state::open:
      return open_until_;
    case breaker_state::half_open:
      return has_room_for_probe() ? now : first_lease_ends();
    default:
      return no_deadline;
  }
}

time_point circuit_breaker::first_lease_ends() const noexcept {
  const auto first = std::ranges::min_element(probes_, {}, &probe::until);
  return first != probes_.end() ? first->until : no_deadline;
}

void circuit_breaker::record(const call& ended, bool failed) noexcept {
  // relaxed: see try_acquire().
  if (state_.load(std::memory_order_relaxed) == breaker_state::disabled) return;
  const time_point now = options_.time->now();
  const bool slow = now - ended.began_ > options_.slow_call_duration;
  locked under{*this};
  if (epoch_.load(std::memory_order_relaxed) != ended.epoch_) return;
  const breaker_state state = state_.load(std::memory_order_relaxed);
  if (state == breaker_state::half_open) {
    if (!end_probe(ended.probe_)) return;  // its lease was over
    tally_->probes_ended.add(failed, slow);
    judge_probes(now, under);
    return;
  }
  tally_->window.record(now, failed, slow);
  if (state == breaker_state::closed) judge(now, under);
}

void circuit_breaker::record(std::uint64_t succeeded, std::uint64_t failed) noexcept {
  const auto passes = [](breaker_state state) {
    return state == breaker_state::closed || state == breaker_state::metrics_only;
  };
  // relaxed: see try_acquire().
  if (!passes(state_.load(std::memory_order_relaxed))) return;
  const time_point now = options_.time->now();
  locked under{*this};
  const breaker_state state = state_.load(std::memory_order_relaxed);
  if (!passes(state)) return;
  tally_->window.record_many(now, succeeded, false);
  tally_->window.record_many(now, failed, true);
  if (state == breaker_state::closed) judge(now, under);
}

void circuit_breaker::give_back(const call& dropped) noexcept {
  if (dropped.probe_ == 0) return;
  const lock_guard lock{mutex_};
  static_cast<void>(end_probe(dropped.probe_));
}

bool circuit_breaker::confirms_failure(const std::exception_ptr& error) const {
  return !options_.is_failure || options_.is_failure(error);
}

void circuit_breaker::transition_to(breaker_state state) {
  const time_point now = options_.time->now();
  locked under{*this};
  go_to(state, now, under);
}

breaker_stats circuit_breaker::stats() const {
  const time_point now = options_.time->now();
  const lock_guard lock{mutex_};
  const outcome_counts counted =
      state() == breaker_state::half_open ? tally_->probes_ended : tally_->window.at(now);
  return {.state = state(),
          .calls = counted.calls,
          .failed = counted.failed,
          .slow = counted.slow,
          .failure_rate = rate(counted.failed, counted.calls),
          .slow_call_rate = rate(counted.slow, counted.calls),
          .not_permitted = not_permitted_.load(std::memory_order_relaxed)};
}

time_point circuit_breaker::retry_at() const noexcept {
  const lock_guard lock{mutex_};
  return open_until_;
}

}  // namespace millpool
