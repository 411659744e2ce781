// Layer 4 · policy: how much may be under way at a time, as the latency says.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/policy/permit.hpp"
#include "millpool/sync/mutex.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>

namespace millpool {

struct adaptive_limit_options {
  std::size_t initial_limit = 20;  ///< calls at a time, as all limits here
  std::size_t min_limit = 1;       ///< at least 1
  std::size_t max_limit = 1000;
  /// The latency may rise to so many times the one at half the limit before the limit falls; at
  /// least 1.
  double tolerance = 1.5;
  /// How much of each new estimate is taken over; above 0, to 1.
  double smoothing = 0.2;
  /// Calls that may wait for others without lowering the limit: it grows by so many, smoothed,
  /// while nothing slows down.
  std::size_t queue_size = 4;
  /// The limit changes once in such a time, or in twice the latency if that is longer, and ten
  /// calls have to end in it; above 0.
  duration window = std::chrono::milliseconds{100};
  /// Once in such a time half the limit is tried, for two windows; at first sooner. Above `window`.
  duration probe_interval = std::chrono::seconds{60};
  const clock* time = &steady();
};

/// A limit on calls at a time that finds its own size: while latency stays near what it is at half
/// the limit, it grows; when it rises, calls wait for each other somewhere, and it falls.
///
///   millpool::adaptive_limit backend;
///   if (auto call = backend.try_acquire()) {
///     send(request) ? call->record() : call->drop();
///   }
///
/// Never exceeded  what is under way is at most limit() at the moment of each admission (P7).
/// Learning        from calls that are recorded, and not from those that are dropped: one that
///                 failed at once was not fast. Nothing is learned while less than half the limit
///                 is in use, since the latency then says nothing of it.
/// Waiting         never, but for a lock that is held for some instructions.
/// Thread safety   every member may be called concurrently, except the constructor and destructor.
/// Allocation      none.
/// Lifetime        outlives its permits.
/// Source          the gradient limits of Netflix' concurrency-limits, and its windows. There the
///                 usual latency is a mean of the past, which follows a queue that never drains, or
///                 the least one, which never learns; hence the probes.
class adaptive_limit final : public permit_giver {
 public:
  /// \throws std::invalid_argument that names the option and its value.
  explicit adaptive_limit(adaptive_limit_options options = {});
  /// Every permit is back by then: asserted.
  ~adaptive_limit() override;

  /// \return the permit, or limit_exceeded.
  [[nodiscard]] std::expected<permit, submit_errc> try_acquire() noexcept;

  [[nodiscard]] std::size_t limit() const noexcept;
  [[nodiscard]] std::size_t in_use() const noexcept;
  [[nodiscard]] const adaptive_limit_options& options() const noexcept { return options_; }

 private:
  void take_back(std::uint64_t weight, time_point since, bool done) noexcept override;
  void learn(double latency, std::size_t in_use, time_point now) noexcept;
  void begin_probe(time_point now) noexcept;
  static constexpr std::size_t enough_calls = 10;

  const adaptive_limit_options options_;
  mutable mutex mutex_;
  // guarded by mutex_:
  double limit_;
  std::size_t in_use_ = 0;
  double usual_ = 0;  // latency, in nanoseconds: at half the limit, or the least since
  time_point next_probe_{};
  duration probe_wait_{};       // until the next one but one
  double limit_before_ = 0;     // of a probe
  int probe_windows_left_ = 0;  // 0: there is none now
  // of this window:
  time_point ends_{};
  double latencies_ = 0;  // their sum
  std::size_t calls_ = 0;
  std::size_t most_in_use_ = 0;
};

}  // namespace millpool
