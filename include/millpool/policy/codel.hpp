// Layer 4 · policy: whether what waits should still be done.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/sync/mutex.hpp"

#include <chrono>

namespace millpool {

struct codel_options {
  duration target = std::chrono::milliseconds{5};      ///< a wait that is no backlog; above 0
  duration interval = std::chrono::milliseconds{100};  ///< in which a burst must have drained
  const clock* time = &steady();
};

/// Tells a burst, which drains by itself, from a standing queue, which does not: where every task
/// of an interval has waited longer than the target, there is more work than gets done, and what
/// has waited for more than twice the target is better dropped than done too late.
///
///   millpool::codel overload;
///   if (overload.should_shed(waited)) return refuse();
///
/// Waiting        never, but for a lock that is held for some instructions.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
/// Allocation     none. Time that passes costs nothing.
/// Source         K. Nichols and V. Jacobson, "Controlling Queue Delay" (2012); as folly::Codel
///                does it for requests, which, unlike packets, nobody sends again at half the rate.
class codel {
 public:
  /// \throws std::invalid_argument that names the option and its value.
  explicit codel(codel_options options = {});
  codel(const codel&) = delete;
  codel& operator=(const codel&) = delete;

  /// Notes that something was taken that has waited so long. \return whether to drop it.
  [[nodiscard]] bool should_shed(duration waited) noexcept;

  /// Whether the last interval that has ended was one of overload.
  [[nodiscard]] bool is_overloaded() const noexcept;

  /// How full the queue is in time: the shortest wait of this interval over twice the target; 0
  /// where nothing waits, 1 and more where what waits would be dropped. For a caller that would
  /// rather not submit then.
  [[nodiscard]] double pressure() const noexcept;

  [[nodiscard]] const codel_options& options() const noexcept { return options_; }

 private:
  const codel_options options_;
  mutable mutex mutex_;
  // guarded by mutex_:
  time_point interval_ends_{};
  duration shortest_{};  // wait in this interval
  bool overloaded_ = false;
};

}  // namespace millpool
