// Layer 3 · pool: how a pool ends.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/ledger.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace millpool {

/// No limit: wait as long as it takes.
inline constexpr duration forever = duration::max();

/// How long each step of a shutdown may take. The four steps, in order:
///
///   close    submissions are refused from here on. Takes no time.
///   drain    what was accepted runs to its end.
///   cancel   what still waits ends as cancelled; what runs is told to stop, and waited for.
///   abandon  what runs even so ends as abandoned: its future completes, its thread is left behind.
///            What such a task refers to must outlive it, so give it no references to a local
///            scope.
///
/// A step is skipped when nothing is left for it to do.
struct shutdown_plan {
  duration drain = forever;
  duration cancel = forever;
};

/// What a shutdown did. Printed with operator<<, a line a step.
struct shutdown_report {
  ledger tasks{};          ///< at the end
  bool drained = false;    ///< the drain step sufficed
  bool cancelled = false;  ///< the cancel step was taken
  duration drain_took{};
  duration cancel_took{};
  std::vector<std::string> left_behind{};  ///< workers whose task had to be abandoned, by name

  friend std::ostream& operator<<(std::ostream& out, const shutdown_report& report);
};

}  // namespace millpool
