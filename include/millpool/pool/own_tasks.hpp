// Layer 3 · pool: what a worker keeps for itself, as long as nobody else takes it. Next stop:
// src/pool/worker.cpp, which runs it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/channel/task_channel.hpp"
#include "millpool/channel/work_deque.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/telemetry/counter.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace millpool {

class own_tasks;
class pool_core;
class worker;

/// What is out of the ordinary in a pool, in one word that is read with every task and hardly ever
/// written.
///
/// Thread safety  every member may be called concurrently.
/// Ordering       word() is relaxed. Who sets `cancels`, `abandons`, `overdue` or `awaited`, or
///                makes room for one more worker, sees to it by a heavy_barrier() that it is seen.
///                All else may be seen a moment late: what goes through the channel is decided by
///                its lock.
class alignas(cache_line_size) pool_conditions {
 public:
  enum bit : std::uint32_t {
    cancels = 1,        ///< no task starts any more
    abandons = 2,       ///< tasks that run may be given up
    pauses = 4,         ///< no task is taken
    awaited = 8,        ///< somebody waits in wait_idle()
    closes = 16,        ///< close() has begun
    surplus = 32,       ///< there are more workers than wanted
    may_grow = 64,      ///< there may be more workers than there are
    long_tasks = 128,   ///< of late, tasks ran for more than a microsecond: each is measured
    exact_times = 256,  ///< a hook or a policy needs the times of each, for good
    asks_first = 512,   ///< there is a hook that admits submissions, for good
    may_scale = 1024,   ///< the scaling_rule may let there be more: see worker_limit
    overdue = 2048,     ///< a task that runs may be stuck: who ends one looks whether it is his
    keeps_none = 4096,  ///< what tasks submit goes through the channel: the full_policy wants that
    displaces = 8192,   ///< what waits may have to make room, and so lies in the channel
    asks_breaker = 16384,  ///< the pool's breaker wants to be asked before a task starts
    may_shed = 32768,  ///< nobody watches the queue for a load_shedder: who finds all at work calls
    sheds = 65536,     ///< submissions of some lanes are refused, for now
    judged = 131072,   ///< the pool, or a class, has a breaker or an admit of its own, for good
  };

  /// What does not concern a task that its worker keeps.
  static constexpr std::uint32_t no_matter_to_kept = awaited | overdue | may_shed | sheds | judged;

  explicit pool_conditions(std::uint32_t bits) noexcept : word_{bits} {}

  /// The bits; and, above them, how often the capacity of the channel was changed.
  [[nodiscard]] std::uint64_t word() const noexcept {
    return word_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t bits() const noexcept { return static_cast<std::uint32_t>(word()); }

  [[nodiscard]] bool any_of(std::uint32_t which) const noexcept { return (bits() & which) != 0; }
  [[nodiscard]] bool none_but(std::uint32_t which) const noexcept { return (bits() & ~which) == 0; }
  /// The same, and the capacity is what it was at `revision`.
  [[nodiscard]] bool none_but(std::uint32_t which, std::uint64_t revision) const noexcept {
    return (word() & ~std::uint64_t{which}) == revision;
  }
  [[nodiscard]] std::uint64_t revision() const noexcept {
    return word() & ~std::uint64_t{all_bits};
  }

  // Stored only where something changes: every submission reads the line.
  void set(std::uint32_t which) noexcept {
    if ((bits() & which) != which) word_.fetch_or(which);
  }
  void clear(std::uint32_t which) noexcept {
    if ((bits() & which) != 0) word_.fetch_and(~std::uint64_t{which});
  }
  void capacity_changed() noexcept { word_.fetch_add(std::uint64_t{all_bits} + 1); }

 private:
  static constexpr std::uint32_t all_bits = ~std::uint32_t{0};

  atomic<std::uint64_t> word_;
};

namespace detail {

/// How many more submissions of the calling thread are not to be measured.
extern constinit thread_local unsigned unmeasured_of_this_thread;

/// What the calling thread keeps, if it is a worker and runs no task of another pool inside its
/// own.
extern constinit thread_local own_tasks* kept_by_this_thread;

}  // namespace detail

/// The tasks that one worker's tasks have submitted, or that it has taken from the channel in a
/// batch: it pops what was pushed last, and any other worker may steal what was pushed first. A
/// batch is pushed the last first, so that it is run in its order, and a thief takes its last. All
/// are of one lane, but halves of a join(), which lie here whatever the lane of the task that
/// forked them.
///
/// The short way  keep(), fork() and take_back() are what a submission from inside costs, and a
///                join(): some dozens of instructions, where nothing is out of the ordinary. Else
///                they say no. The long way is worker's: keep() and fork() of the same names, which
///                decide about all else, and reserve the places.
/// Lifetime       its pool's. The next worker of the same index takes it over, empty.
/// Thread safety  its worker's thread alone, where nothing else is said.
class own_tasks {
 public:
  static constexpr std::size_t capacity = 256;

  struct entry {
    task_words task;
    time_point submitted;
  };

  explicit own_tasks(pool_core& pool) noexcept;

  /// What the calling thread keeps of `pool`. \return null: nothing, or runner::of() has to look.
  [[nodiscard]] static own_tasks* of_this_thread(const pool_core* pool) noexcept {
    own_tasks* const here = detail::kept_by_this_thread;
    return here != nullptr && here->pool_ == pool ? here : nullptr;
  }
  /// Makes this what the calling thread keeps; `owner` is the worker that it is.
  void hand_to(worker& owner) noexcept {
    owner_ = &owner;
    detail::kept_by_this_thread = this;
  }

  // ---- the short way

  /// Accepts `task` and keeps it where others can steal it. \return false: it is still the
  /// caller's, and the long way is to decide. REQUIRES: its submission may wait as the policy says.
  [[nodiscard]] bool keep(const task_words& task, unsigned lane) {
    unsigned& unmeasured = detail::unmeasured_of_this_thread;
    if (unmeasured == 0 || task.extras() != nullptr) return false;
    // Beside other priorities it is the channel that knows whose turn it is, and who has aged.
    if (lane != this->lane() || channel_.ready_lanes().any_but(lane)) return false;
    if (!has_place(pool_conditions::no_matter_to_kept)) return false;
    --unmeasured;
    count_accepted();  // pool_core I1
    push_visibly(task);
    return true;
  }

  /// Leaves `half` where others can take it, until take_back(). \return false: it does not.
  [[nodiscard]] bool fork(const task_kind& kind, completion& half) {
    // It is not measured, nor is it a submission.
    constexpr std::uint32_t no_matter = pool_conditions::no_matter_to_kept |
                                        pool_conditions::long_tasks | pool_conditions::exact_times |
                                        pool_conditions::asks_first | pool_conditions::asks_breaker;
    if (!has_place(no_matter)) return false;
    push_visibly({&kind, std::bit_cast<std::uint64_t>(&half), 0});
    return true;
  }

  /// \return whether nobody else has taken it. What lies above it was submitted since, and stays.
  [[nodiscard]] bool take_back(const completion& half) noexcept {
    entry newest{};
    if (!deque_.pop(newest)) return false;
    const bool is_it =
        newest.task.is_forked_half() && newest.task.a == std::bit_cast<std::uint64_t>(&half);
    return is_it || take_back_below(newest, half);
  }

  // ---- the long way

  /// REQUIRES: of the same lane as what is in it, or a half. \return false: full.
  /// \throws std::bad_alloc at the first push, if not after allocate().
  [[nodiscard]] bool push(queued_task& task, time_point submitted) {
    if (deque_.size() == capacity) return false;
    return deque_.push({task.release(), submitted});
  }
  [[nodiscard]] bool push(const entry& task) { return deque_.push(task); }
  void allocate() { deque_.allocate(); }

  /// What was pushed last.
  [[nodiscard]] bool pop(entry& newest) noexcept { return deque_.pop(newest); }
  [[nodiscard]] std::optional<waiting_task> pop() noexcept {
    entry newest{};
    if (!deque_.pop(newest)) return std::nullopt;
    return waiting_task{queued_task{newest.task}, newest.submitted};
  }

  /// What was pushed first.
  [[nodiscard]] std::optional<waiting_task> pop_oldest() noexcept {
    entry oldest{};
    if (!deque_.pop_oldest(oldest)) return std::nullopt;
    return waiting_task{queued_task{oldest.task}, oldest.submitted};
  }

  /// Anybody. What was pushed first.
  [[nodiscard]] std::optional<waiting_task> steal() noexcept {
    return steal_if([] { return true; });
  }
  /// The same, if what is here is low, or not.
  [[nodiscard]] std::optional<waiting_task> steal(bool low) noexcept {
    return steal_if([this, low] { return is_low() == low; });
  }
  template <class Allowed>
  [[nodiscard]] std::optional<waiting_task> steal_if(Allowed allowed) noexcept {
    entry oldest{};
    for (;;) {
      switch (deque_.steal(oldest, allowed)) {
        case steal_outcome::taken:
          return waiting_task{queued_task{oldest.task}, oldest.submitted};
        case steal_outcome::empty:
          return std::nullopt;
        case steal_outcome::lost_race:
          break;  // somebody else got one: the deque moves on
      }
    }
  }

  /// Whether `wanted(const task_words&)` holds for a task here. REQUIRES: its worker waits, and so
  /// do all thieves.
  template <class Predicate>
  [[nodiscard]] bool any(Predicate wanted) const {
    return deque_.any([&](const entry& each) { return wanted(each.task); });
  }

  /// Anybody: see work_deque.
  [[nodiscard]] std::size_t size() const noexcept { return deque_.size(); }
  [[nodiscard]] bool empty() const noexcept { return deque_.empty(); }

  /// How many were ever accepted here. Anybody: see counter.
  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_.load(); }
  void count_accepted() noexcept { accepted_.add(); }

  /// Places in the channel that are reserved for what is submitted here: so many it may hold.
  [[nodiscard]] std::size_t places() const noexcept { return places_; }
  /// \param  revision  pool_conditions::revision(), before they were reserved.
  void set_places(std::size_t places, std::uint64_t revision) noexcept {
    places_ = places;
    revision_ = revision;
  }
  /// \return how many there were: the caller gives them back.
  [[nodiscard]] std::size_t drop_places() noexcept { return std::exchange(places_, 0); }
  /// Whether the capacity that they are a share of has changed since.
  [[nodiscard]] bool places_are_stale() const noexcept {
    return conditions_.revision() != revision_;
  }

  /// Whether some of what is in it was submitted here, and did not come in a batch.
  [[nodiscard]] bool submitted_inside() const noexcept { return submitted_inside_; }
  void set_submitted_inside(bool so) noexcept { submitted_inside_ = so; }

  /// Of what is in it. Set only while it is empty; read by anybody.
  void set_lane(unsigned lane) noexcept { lane_.store(lane, std::memory_order_relaxed); }
  [[nodiscard]] unsigned lane() const noexcept { return lane_.load(std::memory_order_relaxed); }

  /// Whether its worker is at work for the low lanes, and has been since this was empty: then all
  /// that is here is low, and a thief is to be at that work, too. Changed only while it is empty.
  void set_low(bool so) noexcept { low_.store(so, std::memory_order_release); }
  [[nodiscard]] bool is_low() const noexcept { return low_.load(std::memory_order_acquire); }

  /// Whether something waits in the channel whose priority is higher than that of what is here.
  [[nodiscard]] bool something_is_higher() const noexcept {
    return channel_.ready_lanes().any_above(lane());
  }

 private:
  // Whether there is one, and nothing out of the ordinary but `no_matter`.
  [[nodiscard]] bool has_place(std::uint32_t no_matter) const noexcept {
    return conditions_.none_but(no_matter, revision_) && deque_.is_below(places_);
  }

  void push_visibly(const task_words& task) {
    submitted_inside_ = true;
    static_cast<void>(deque_.push({task, time_point{}}));
    light_barrier();  // idle_workers; pool_core I2
    constexpr std::uint32_t to_be_told = pool_conditions::cancels | pool_conditions::closes |
                                         pool_conditions::may_grow | pool_conditions::may_scale;
    // relaxed: the barrier orders it.
    const bool all_at_work = idle_.load(std::memory_order_relaxed) == 0;
    if (!all_at_work || conditions_.any_of(to_be_told)) [[unlikely]]
      tell_pool(task.is_forked_half());
  }
  void tell_pool(bool of_half);
  [[nodiscard]] bool take_back_below(const entry& newest, const completion& half) noexcept;

  // Read with every task.
  pool_core* const pool_;
  const pool_conditions& conditions_;
  const atomic<std::uint32_t>& idle_;  // not 0: somebody sleeps, or searches
  const task_channel<queued_task>& channel_;
  std::size_t places_ = 0;
  std::uint64_t revision_ = 0;  // of the capacity, when they were reserved
  worker* owner_ = nullptr;
  atomic<unsigned> lane_{default_priority};  // relaxed: a thief's guess, a reader's figure
  bool submitted_inside_ = false;
  atomic<bool> low_{false};
  counter accepted_;
  work_deque<entry> deque_{capacity};
};

}  // namespace millpool
