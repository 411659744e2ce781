// Layer 4 · policy: how many workers a pool should have.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/scaling.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace millpool {

struct scaling_policy {
  /// See scaling_rule.
  std::size_t queue_depth_threshold = 32;
  duration target_queue_wait = std::chrono::milliseconds{5};
  duration interval = std::chrono::milliseconds{10};

  /// At most so many times as many workers in one step; above 1.
  double scale_up_factor = 2.0;
  /// In so long the backlog is to be gone; above 0.
  duration drain_backlog_in = std::chrono::milliseconds{50};
  /// After more workers were added, none is taken away for so long.
  duration cooldown = std::chrono::minutes{5};
  /// Half as many workers again, or more, stay only if they get at least this part more done than
  /// the fewer did; 0 to 1.
  double worth_it = 0.1;
  /// Where the process uses nearly so many processors, workers beyond that number bring nothing.
  /// Unset: what affinity and cgroup quota allow when the scaler is made.
  std::optional<double> cpus{};

  /// Each decision that changes something; called under no lock of the pool's. Must not throw.
  std::function<void(const scaling_decision&)> on_decision{};
};

/// Decides by what a pool has measured how many workers may work at once.
///
/// Rules, of the first that applies
///   cooldown   a worker is idle, but others were added not long ago: as many as before. Where one
///              was wanted again within 12 cooldowns of another's leaving, all stay for 48
///   idle       a worker is idle: one less
///   knee       fewer workers have got as much done, a moment ago and with as much waiting: so
///              many, once that has been seen twice in a row. Until these get a quarter more or
///              less done than then, or what waited is gone and the cooldown has passed, no more
///              are added
///   cpu        there is no processor time left: as many as before. Where there is some, the rules
///              below add no more workers than would use nearly all
///   crowded    with at least as many workers as processors 15 % of these were in no task of late,
///              though tasks wait: they wait for each other. As many as before
///   first      nothing is known of the tasks yet: scale_up_factor times as many
///   stalled    for a while no task has ended though one should have: the same
///   backlog    Little's law: arrivals times what a task takes, and besides what drains the backlog
///              in time; at most scale_up_factor times as many
///   enough     that is no more than there are: as many as before
/// Thread safety  none: one pool's calls, one at a time.
/// Complexity     O(1), no allocation.
class scaler {
 public:
  /// \throws std::invalid_argument that names the option and its value.
  explicit scaler(const scaling_policy& policy = {});

  [[nodiscard]] scaling_decision decide(const scaling_inputs& in) noexcept;

 private:
  struct rate_at {
    std::size_t workers;
    double per_second;  // tasks
  };
  struct answer {
    std::size_t to;
    const char* rule;
  };
  [[nodiscard]] answer answer_to(const scaling_inputs& in) noexcept;
  [[nodiscard]] answer when_idle(const scaling_inputs& in) noexcept;
  [[nodiscard]] answer when_busy(const scaling_inputs& in) noexcept;
  void note(const scaling_inputs& in) noexcept;
  void note_tasks(const scaling_inputs& in) noexcept;
  [[nodiscard]] std::optional<rate_at> fewer_that_do_as_much(const rate_at& now) const noexcept;
  [[nodiscard]] bool is_at_the_knee(const scaling_inputs& in,
                                    const std::optional<rate_at>& now) noexcept;
  [[nodiscard]] bool is_stalled() const noexcept;
  [[nodiscard]] std::size_t most_in_a_step(const scaling_inputs& in) const noexcept;
  [[nodiscard]] bool is_crowded(const scaling_inputs& in) noexcept;
  [[nodiscard]] bool has_no_cpu_left(const scaling_inputs& in) const noexcept;
  [[nodiscard]] std::size_t wanted(const scaling_inputs& in) const noexcept;

  const scaling_policy policy_;
  const double cpus_;
  // What so many workers did while all were at work and tasks waited.
  struct record {
    std::size_t workers = 0;
    std::uint64_t completed = 0;
    double seconds = 0.0;  // of workers, that these took
    double busy = 0.0;     // such a part of them was in a task, of late
    [[nodiscard]] std::optional<rate_at> rate() const noexcept;
  };
  [[nodiscard]] record& of(std::size_t workers) noexcept;

  std::array<record, 32> records_{};  // since the load began; the present number is the last
  std::size_t count_ = 0;
  std::uint64_t stale_ = 0;  // tasks that began when there were more or fewer workers
  std::optional<rate_at> knee_;
  unsigned sightings_ = 0;              // of one, in a row
  std::optional<double> task_seconds_;  // that a task takes of a worker
  double known_by_ = 0.0;               // so many tasks
  duration nothing_ended_{};            // for so long, while all were at work
  std::optional<time_point> grew_;
  std::optional<time_point> shrank_;
  bool is_regretted_ = false;
};

/// What a pool needs to be steered by a scaler of its own: for pool_options::scaling.
/// \throws std::invalid_argument that names the option and its value.
[[nodiscard]] scaling_rule scale_by(const scaling_policy& policy);

}  // namespace millpool
