// Layer 3 · pool: tasks that wait for each other for ever, as the pool tells of them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace millpool {

/// One wait that is part of a deadlock.
struct deadlock_wait {
  /// Why what it waits for does not end.
  enum class cause : std::uint8_t {
    runs,         ///< it runs on the thread `on`, which waits in its turn
    wants_key,    ///< it has not started: a task that waits on `on` has its serial key
    wants_worker  ///< it has not started, and no worker is left that could run it
  };

  std::string worker;         ///< that waits: "<pool>/<index>"; empty: a thread that submits
  std::string task_class;     ///< of the task that waits; empty if it has none
  std::string awaited_class;  ///< of the task that it waits for; the same
  cause why = cause::runs;
  std::string on;         ///< as `worker`; empty also where there is none
  bool given_up = false;  ///< this wait fails, so that the others can end
};

/// A deadlock, as on_deadlock sees it: a circle of waits, each for what the next one holds up, and
/// the last for the first; or all waits of a pool that has come to a standstill.
struct deadlock_info {
  std::string pool;
  std::vector<deadlock_wait> waits;  ///< the first is the one that was about to begin
};

/// The wait-for graph, a line for each wait.
std::ostream& operator<<(std::ostream& out, const deadlock_info& info);

}  // namespace millpool
