// Layer 3 · pool: the account of all tasks.
#pragma once

#include "millpool/base/errors.hpp"

#include <cstdint>
#include <iosfwd>

namespace millpool {

/// Where every task went that a pool ever accepted (promise P1):
///
///   accepted = succeeded + failed + cancelled + expired + discarded + abandoned
///              + waiting + running
///
/// A refused submission is in none of them. Counts are tasks.
struct ledger {
  std::uint64_t accepted = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t discarded = 0;
  std::uint64_t abandoned = 0;
  std::uint64_t waiting = 0;  ///< in the channel, put off, or kept by a worker: there an estimate
  std::uint64_t running = 0;  ///< taken from there, and not ended yet

  [[nodiscard]] std::uint64_t inside() const noexcept { return waiting + running; }
  [[nodiscard]] std::uint64_t ended() const noexcept {
    return succeeded + failed + cancelled + expired + discarded + abandoned;
  }
  [[nodiscard]] bool balanced() const noexcept { return accepted == ended() + inside(); }

  /// How many ended in `state`.
  [[nodiscard]] std::uint64_t& of(task_state state) noexcept;

  friend bool operator==(const ledger&, const ledger&) = default;
};

/// Writes one line: "accepted 10 = succeeded 9 + failed 1 + … + inside 0".
std::ostream& operator<<(std::ostream& out, const ledger& tasks);

}  // namespace millpool
