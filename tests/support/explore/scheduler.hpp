// Support for models: one program, run under one schedule. See README.md beside this file.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millpool::explore {

/// What is broken on purpose, to see that a model notices.
enum class fault : std::uint8_t {
  none,
  futex_wakes_nobody,
  notify_one_wakes_nobody,
  notify_all_wakes_one,
  notify_all_wakes_nobody,
  rmw_is_load_and_store,  ///< another thread may come between the two
  seq_cst_store_is_buffered,
  heavy_barrier_does_nothing,
  light_barrier_does_nothing,  ///< bites with run_settings::fences: else it never does anything
};

/// Which thread goes on: one way to answer for a whole run.
class decider {
 public:
  /// A thread that may go on, a waiter that may be woken, or a store that may reach memory.
  struct option {
    unsigned thread;
    bool costs;     ///< taking it pre-empts a thread that could go on, or wakes one before its time
    bool sleeping;  ///< taking it ends a wait early: by its time limit, or for no reason
    bool flushes;   ///< taking it lets the thread's oldest store reach memory, no more
  };

  decider() = default;
  decider(const decider&) = delete;
  decider& operator=(const decider&) = delete;
  virtual ~decider() = default;

  /// \param  options  two or more; the first is the thread that runs now, if it may go on.
  /// \return an index into options.
  virtual std::size_t decide(std::span<const option> options) = 0;
};

struct run_settings {
  fault planted = fault::none;
  unsigned early_wakes = 2;    ///< so many waits of a run may end for no reason, as real ones may
  bool store_buffers = false;  ///< stores below seq_cst are late, as on x86
  bool fences = false;  ///< light and heavy barriers are both fences, as without membarrier(2)
  std::size_t steps_max = 20'000;             ///< more operations than this: "it does not end"
  std::vector<std::string>* story = nullptr;  ///< is told every operation, a line each
};

/// Runs `threads`, one at a time, to their ends; `decide` says who goes on at each shared
/// operation.
/// \return what went wrong, or nothing. Then the threads that are left never run again: they and
/// all
///         that they use must be kept.
[[nodiscard]] std::optional<std::string> run(std::vector<std::function<void()>> threads,
                                             decider& decide, const run_settings& settings);

// ---- for models

/// Ends the run as a failure, if `holds` is false. Anywhere in a run.
void check(bool holds, const std::string& claim);

/// Starts one more thread. On a thread of a run.
void start(std::function<void()> body);

/// The time of the run: it moves when a wait with a time limit ends by it, or by advance().
class virtual_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override;
  [[nodiscard]] time_point look_again(time_point deadline) const noexcept override {
    return deadline;
  }
};
void advance(duration by);

// ---- for the shim: atomic.hpp, mutex.hpp, asymmetric_barrier.hpp, futex.cpp

/// A shared operation is about to happen: another thread may come first. Outside a run: nothing.
void step(const char* operation, const void* object) noexcept;

/// For the story alone.
void note(const char* operation, const void* object) noexcept;

[[nodiscard]] bool planted(fault which) noexcept;

enum class wake_reason : std::uint8_t { woken, early, time };

/// Waits for wake(object), until `until`, or for no reason. Outside a run: a bug.
wake_reason sleep_on(const char* operation, const void* object, time_point until) noexcept;

/// Waits for wake(object) alone.
void wait_for_lock(const void* object) noexcept;

/// Wakes up to `count` of those who wait for `object`; if not all, which ones is a decision too.
void wake(const void* object, std::size_t count) noexcept;

// Store buffers. Each thread has one, a FIFO. In a run without them, and outside a run, nothing is
// ever kept back.

using store_to = void (*)(void* object, std::uint64_t bits);

/// Keeps a store of this thread back; by(object, bits) will make it. It is no operation that others
/// could tell, so it is no step. \return false: there are no buffers, store it now.
[[nodiscard]] bool keep_back(void* object, std::uint64_t bits, store_to by) noexcept;

/// \return the newest store of this thread to `object` that is kept back, or null.
[[nodiscard]] const std::uint64_t* kept_back(const void* object) noexcept;

/// All that this thread kept back reaches memory: part of every locked instruction.
void drain() noexcept;

/// A fence on its own: drain(), with a step before it if there is anything to drain.
void fence(const char* operation) noexcept;

void light_barrier() noexcept;
void heavy_barrier() noexcept;

/// `object` ends. What is kept back for it reaches nothing.
void forget(const void* object) noexcept;

}  // namespace millpool::explore
