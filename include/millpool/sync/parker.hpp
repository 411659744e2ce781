// Layer 1 · sync: how one thread sleeps and another wakes it. Next stop: result/future.hpp.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"

#include <cstdint>

namespace millpool {

/// One thread's bed: it parks here, and any other thread unparks it.
///
/// State                                     who moves it
///   none --unpark--> token --park--> none   unpark: anybody   park: the owner
///   none --park----> asleep --unpark--> token
/// Invariants
///   I1  at most one token exists: two unparks before a park are one.
///   I2  park() returns only after it took a token: there is no return for no reason.
/// Edges
///   E1  unpark() --> the park() that takes its token: the sleeper sees what its waker did before.
/// Thread safety  park and park_until: the owner alone. unpark: anybody, at any time in the life of
///                the parker.
class parker {
 public:
  /// Waits for a token and takes it.
  void park() noexcept;

  /// Waits for a token until `deadline` by `time`. \return whether one was taken.
  [[nodiscard]] bool park_until(const clock& time, time_point deadline) noexcept;

  /// Leaves a token, and wakes the owner if it sleeps. Never waits.
  void unpark() noexcept;

 private:
  enum state : std::uint32_t { none, token, asleep };

  [[nodiscard]] bool take_token() noexcept;

  atomic<std::uint32_t> state_{none};
};

}  // namespace millpool
