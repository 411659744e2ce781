// Layer 3 · pool: what a pool asks when it may have too few workers, or too many. Next stop:
// src/pool/worker_limit.cpp, which asks; policy/scaler.cpp answers.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace millpool {

/// Why a pool asks.
enum class scaling_event : std::uint8_t {
  backlog,  ///< all workers are at work, and queue_depth_threshold tasks wait
  wait,     ///< all workers are at work, and a task has waited for target_queue_wait
  step,     ///< interval has passed since the last answer, and tasks have waited all the time
  idle,     ///< a worker has had nothing to do for keep_alive
};
[[nodiscard]] std::string_view to_string(scaling_event event) noexcept;

/// What a pool knows when it asks.
struct scaling_inputs {
  scaling_event event;
  time_point now;
  std::size_t workers;  ///< that may work at once
  std::size_t min_workers;
  std::size_t max_workers;
  std::size_t in_tasks;  ///< workers that are in a task just now
  std::size_t waiting;   ///< tasks, but for those that were found to wait for a key or a class
  duration oldest_wait;  ///< of those of them in the channel
  // ---- since it last asked; all zero the first time
  duration elapsed;
  std::uint64_t arrived;    ///< tasks that were accepted
  std::uint64_t completed;  ///< tasks that ended
  duration ran;             ///< for so long these ran, all together; zero where metrics are off
  double cpus_in_use;       ///< processor time of the whole process over elapsed; 0: not known
};

/// An answer: how many workers may work at once from now on, and why.
struct scaling_decision {
  std::size_t from;
  std::size_t to;
  std::string_view rule;  ///< lasts as long as what decided
  scaling_inputs inputs;
};

/// How a pool steers the number of its workers between min_workers and max_workers. Where `decide`
/// is not set there is no steering: a submission that finds no idle worker adds one, up to
/// max_workers. policy/scaler.hpp makes one of these.
struct scaling_rule {
  /// So many waiting tasks are a backlog; at least 1, and not more than the channel holds.
  std::size_t queue_depth_threshold = 32;
  duration target_queue_wait = std::chrono::milliseconds{5};  ///< above 0
  /// Between two answers to more work; above 0. Where they stay the same, at last 8 times as long.
  duration interval = std::chrono::milliseconds{10};
  /// One call at a time, on the thread concerned; must not call the pool, wait, or throw.
  std::function<scaling_decision(const scaling_inputs&)> decide{};
  /// Called under no lock for each answer that changes something. Must not throw.
  std::function<void(const scaling_decision&)> on_decision{};
};

}  // namespace millpool
