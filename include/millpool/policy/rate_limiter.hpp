// Layer 4 · policy: how many may begin in a time.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/sync/mutex.hpp"

#include <chrono>
#include <cstdint>
#include <expected>

namespace millpool {

struct rate_limiter_options {
  std::uint64_t permits = 100;             ///< so many, at least 1 ...
  duration per = std::chrono::seconds{1};  ///< ... in such a time, above 0
  std::uint64_t burst = 0;                 ///< may begin at once after a rest; 0: `permits`
  const clock* time = &steady();
};

/// A limit on how many begin in a time, in any unit: tasks, requests, bytes.
///
///   millpool::rate_limiter mails{{.permits = 100, .per = std::chrono::minutes{1}}};
///   if (mails.try_acquire()) send(mail);
///
/// Never exceeded  in any span of time, at most burst + permits x span / per are admitted, not one
///                 more, whoever asks concurrently (promise P7). Nothing is rounded.
/// Too heavy       what weighs more than the burst is refused whenever it asks.
/// Waiting         never, but for a lock that is held for a few instructions. Nobody is kept in a
///                 line: wait_for() says when to come again.
/// Thread safety   every member may be called concurrently, except the constructor and destructor.
/// Allocation      none. Time that passes costs nothing.
/// Source          a token bucket, as golang.org/x/time/rate; with its credit kept as a fraction.
class rate_limiter {
 public:
  /// \throws std::invalid_argument that names the option and its value.
  explicit rate_limiter(rate_limiter_options options = {});
  rate_limiter(const rate_limiter&) = delete;
  rate_limiter& operator=(const rate_limiter&) = delete;

  /// Takes `weight`, at least 1. \return rate_limited if there is not so much now.
  [[nodiscard]] std::expected<void, submit_errc> try_acquire(std::uint64_t weight = 1) noexcept;

  /// How long until try_acquire(weight) would succeed, if nobody else comes; zero: it would now.
  /// `duration::max()` for what is too heavy.
  [[nodiscard]] duration wait_for(std::uint64_t weight = 1) const noexcept;

  /// What could be taken now.
  [[nodiscard]] std::uint64_t available() const noexcept;

  [[nodiscard]] const rate_limiter_options& options() const noexcept { return options_; }

 private:
  // Credit is counted in permits x nanoseconds of `per`, so that it grows by whole numbers.
  __extension__ using credit = unsigned __int128;
  [[nodiscard]] credit price(std::uint64_t weight) const noexcept;
  [[nodiscard]] credit credit_at(time_point now) const noexcept;

  const rate_limiter_options options_;
  mutable mutex mutex_;
  credit credit_;    // guarded by mutex_: what there was ...
  time_point then_;  // guarded by mutex_: ... at that time
};

}  // namespace millpool
