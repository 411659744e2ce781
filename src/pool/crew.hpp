// Layer 3 · pool: which threads a pool has.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/pool/pool_stats.hpp"
#include "millpool/sync/mutex.hpp"
#include "src/pool/runner.hpp"
#include "src/pool/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace millpool {

/// Starts workers, lets them go, joins them; and knows who else runs tasks of the pool.
///
///   minimum <= live workers <= limit = maximum + min(blocked workers, max_compensation)
///
/// The upper bound is reached from above where resize() lowered it or a blocked worker came back: a
/// surplus worker leaves when it keeps nothing, before it takes its next task.
///
/// Whether there are fewer or more than the limit stands in the pool_conditions: hints, since
/// grow() and leave_if_surplus() decide under the lock.
/// Thread safety  every member may be called concurrently.
class crew {
 public:
  explicit crew(pool_core& core) noexcept : core_{core} {}

  /// Starts workers until there are `minimum`. \throws std::system_error if not even one starts.
  void start(std::size_t minimum, std::size_t maximum);

  /// Changes the bounds: starts what is missing, and tells surplus workers to go.
  void resize(std::size_t minimum, std::size_t maximum);

  /// Starts one more worker if the limit allows, and tells if that failed.
  /// \return false if the thread could not be started.
  bool grow();
  [[nodiscard]] bool is_empty() const noexcept {
    return live_.load(std::memory_order_relaxed) == 0;
  }
  [[nodiscard]] std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool above_minimum() const noexcept {
    // relaxed: a hint; leave_if_idle() decides under the lock.
    return live_.load(std::memory_order_relaxed) > minimum_.load(std::memory_order_relaxed);
  }

  /// A worker asks whether it may go. If so it is no longer counted, and must end its thread; what
  /// its last hook still runs is accounted for.
  [[nodiscard]] bool leave_if_surplus(worker& self);
  [[nodiscard]] bool leave_if_idle(worker& self);

  /// A worker blocks in a task: one more may exist until it comes back.
  void worker_blocks();
  void worker_unblocks() noexcept;

  /// Guests: threads that run a task in their own submission.
  void add_guest(runner& guest);
  void remove_guest(runner& guest) noexcept;

  /// Calls `visit` for every worker, also one that is on its way out, and guest; nobody comes or
  /// goes meanwhile.
  template <class Visit>
  void for_each_runner(Visit visit) {
    const lock_guard lock{mutex_};
    visit_all(visit);
  }

  /// Ends it all: no worker starts from here on; joins every thread but the calling one and those
  /// whose task was abandoned, which stay behind, detached. \return the names of the latter.
  [[nodiscard]] std::vector<std::string> join();

  /// What all runners that ever were have settled, and have accepted on their own.
  [[nodiscard]] std::uint64_t settled();
  [[nodiscard]] std::uint64_t accepted();

  /// Adds to `into` what all runners that ever were have counted, and the workers by what they do.
  void add_up(pool_stats& into);

 private:
  template <class Condition>
  [[nodiscard]] bool leave_if(worker& self, Condition may_leave);
  [[nodiscard]] static bool join_or_leave(worker& each);
  void reap() noexcept;
  void report(const std::optional<std::system_error>& failure);

  // The functions below expect mutex_ to be held.
  template <class Visit>
  void visit_all(Visit visit) {
    for (const auto& each : workers_) visit(static_cast<runner&>(*each));
    for (const auto& each : departed_) visit(static_cast<runner&>(*each));
    for (runner* each : guests_) visit(*each);
  }
  void set_bounds(std::size_t minimum, std::size_t maximum) noexcept;
  void update_limit() noexcept;
  void count_workers() noexcept;
  void show() const noexcept;
  [[nodiscard]] std::optional<std::system_error> start_up_to_minimum();
  [[nodiscard]] std::optional<std::system_error> start_one();
  [[nodiscard]] bool forget_if_finished(const worker& each) noexcept;
  void keep_counts_of(const runner& gone) noexcept;

  pool_core& core_;
  mutable mutex mutex_;
  std::vector<std::unique_ptr<worker>> workers_;  // guarded by mutex_, as all to the line below
  // Have left, and their threads are not joined yet: they may still be in their last hook.
  std::vector<std::unique_ptr<worker>> departed_;
  std::vector<runner*> guests_;
  std::size_t maximum_ = 0;
  std::size_t limit_ = 0;
  std::size_t blocked_ = 0;
  std::uint64_t thread_failures_ = 0;
  bool sealed_ = false;  // join() has begun: nobody comes or leaves any more
  struct {
    std::uint64_t accepted = 0;
    std::uint64_t settled = 0;
    std::array<std::uint64_t, task_state_count> ended{};
    histogram_snapshot wait;
    histogram_snapshot run;
  } of_the_gone_;  // what workers and guests had counted when they left
  // ------------------------------------------------ written under mutex_, read by anyone:
  atomic<std::size_t> live_{0};
  atomic<std::size_t> minimum_{0};
};

}  // namespace millpool
