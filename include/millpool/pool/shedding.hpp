// Layer 3 · pool: what a pool gives up when more comes than it can do. Next stop:
// src/pool/load_shedder.cpp, which does.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>

namespace millpool {

/// How a pool sheds load, from the lowest priority on, so that what it does is done in time.
///
/// Overload       a lane of the channel is never without a task that has waited longer than
///                `target`, for an interval: more of this priority and the higher ones comes than
///                gets done. It ends with the first interval in which, for an eighth of the time,
///                nothing of these waits.
/// While it lasts of the highest lane that is so, as many may wait as are taken in a target;
///                submissions beyond that, and all of lower priorities, are refused at once, as
///                `shed`. What waits there for more than twice the target is given up: it ends as
///                discarded, with submit_error `shed` in its future. Higher priorities are served
///                as ever.
/// Full           at any time, a submission that finds the channel full takes the place of the
///                newest task of the lowest lane, if that is lower than its own. Only try_submit()
///                and try_post() do not.
/// Not shed       what tasks of the pool submit to it is not refused, and what their workers keep
///                of it is not given up: what has begun is to end. Nor is anything after close().
/// Units          `target` should be more than a task takes, and `interval` more than a burst that
///                need not worry; and more than a steered pool takes to grow.
/// Cost           a submission, and a task, pay nothing until the pool is overloaded; then those of
///                the lane that is served in part take the channel's lock. While all workers are at
///                work and tasks wait, a thread looks at the channel twice in a target, but at most
///                once a millisecond.
/// Source         K. Nichols and V. Jacobson, "Controlling Queue Delay" (2012), for each lane;
///                B. Maurer, "Fail at Scale" (2015), for newest_first.
struct shedding_options {
  duration target = std::chrono::milliseconds{5};      ///< a wait that is no backlog; above 0
  duration interval = std::chrono::milliseconds{100};  ///< in which a burst must have drained
  /// While overloaded, of one priority the newest task is taken first: it is the likeliest that
  /// somebody still waits for it. Those with a serial_key or a fair_key keep their order.
  bool newest_first = false;

  bool operator==(const shedding_options&) const = default;
};

}  // namespace millpool
