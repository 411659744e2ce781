// Layer 2 · result: the meeting point of one task and the one who waits for it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/result/result.hpp"

#include <cstdint>
#include <exception>
#include <utility>

namespace millpool {

/// What is to happen when a result is there: then(), or a coroutine to resume. Runs once, on the
/// thread that completes the task, or on the thread that attached it if the result was there
/// before.
class continuation {
 public:
  continuation(const continuation&) = delete;
  continuation& operator=(const continuation&) = delete;
  virtual void run() noexcept = 0;  // may destroy the continuation

 protected:
  continuation() = default;
  ~continuation() = default;
};

/// The one word through which a result becomes visible, and how to wait for it.
///
/// State (bits of word_)                       set by
///   ready       the result may be read        publish(), once
///   awaited     a thread sleeps on the word   wait()
///   continued   continuation_ is to be run    attach(), once
/// Invariants
///   I1  `ready` is never cleared; what the producer wrote before publish() never changes after.
///   I2  the continuation runs exactly once: publish() runs it if it finds `continued`, attach()
///       leaves it to its caller if it finds `ready`; both use one RMW on the word, so exactly one
///       of them comes second.
/// Edges
///   E1  publish's RMW --> the load that sees `ready`: the reader sees the result.
///   E2  attach's RMW --> publish's RMW: the producer sees continuation_.
/// Lifetime  the producer holds a reference across publish(), so the word outlives the wake.
class publication {
 public:
  void publish() noexcept;

  [[nodiscard]] bool is_ready() const noexcept {
    // acquire: E1.
    return (word_.load(std::memory_order_acquire) & ready) != 0;
  }

  /// Waits until ready. On a worker of the pool that has the task `owner`: runs that task here if
  /// it has not started and there is no deadline, since the task might take longer; else lets
  /// another worker take this one's place meanwhile (promise P5).
  /// \return is_ready(): false only if `deadline` came first.
  bool wait(const void* owner, const clock& time, time_point deadline) noexcept;

  /// At most once. \return false if the result is there already: the caller then runs `next`.
  [[nodiscard]] bool attach(continuation* next) noexcept;

 private:
  enum bits : std::uint32_t { ready = 1, awaited = 2, continued = 4 };

  atomic<std::uint32_t> word_{0};
  continuation* continuation_ = nullptr;  // written by attach() before it sets `continued`
};

/// The state behind a future<T>.
template <class T>
class result_state : public result_slot<T> {
 public:
  /// \param  owner  the tag of the task that this result waits for, if that is another's: then().
  explicit result_state(const clock& time, const void* owner = nullptr) noexcept
      : result_slot<T>{owner}, time_{&time} {}

  void complete(task_state state) noexcept override {
    state_ = state;
    published_.publish();
  }

  [[nodiscard]] bool is_ready() const noexcept { return published_.is_ready(); }
  bool wait_until(time_point deadline) noexcept {
    return published_.wait(this->owner(), *time_, deadline);
  }
  [[nodiscard]] bool attach(continuation* next) noexcept { return published_.attach(next); }
  [[nodiscard]] const clock& time() const noexcept { return *time_; }

  // REQUIRES: is_ready().
  [[nodiscard]] task_state state() const noexcept { return state_; }
  [[nodiscard]] result<T> take() {
    // Moved out, value or error alike: what the task made is destroyed by who took it, whichever
    // thread lets go of this state last. But an abandoned task still runs, and may yet write both:
    // they are not looked at.
    if (state_ == task_state::succeeded) return {std::move(this->value_), nullptr, state_};
    if (state_ == task_state::abandoned) return {nullptr, state_};
    return {std::move(this->error_), state_};
  }

 private:
  publication published_;
  task_state state_{};
  const clock* time_;
};

}  // namespace millpool
