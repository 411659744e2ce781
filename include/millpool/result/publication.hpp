// Layer 2 · result: the word through which a result becomes visible, and how to wait for it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/sync/thread_host.hpp"

#include <cstdint>

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
///   given_up    the wait is to return         the pool of the thread that waits, where the wait is
///                                             part of a deadlock; wait() clears it
/// The other bits count the references to the object that this lies in: one word for both, since
/// every change of a word that another thread has read costs a trip of its cache line.
/// Invariants
///   I1  `ready` is never cleared; what the producer wrote before publish() never changes after.
///   I2  the continuation runs exactly once: publish() runs it if it finds `continued`, attach()
///       leaves it to its caller if it finds `ready`; both use one RMW on the word, so exactly one
///       of them comes second.
/// Edges
///   E1  publish's RMW --> the load that sees `ready`: the reader sees the result.
///   E2  attach's RMW --> publish's RMW: the producer sees continuation_.
///   E3  a reference's release --> the release of the last one: its holder may destroy the object.
/// Lifetime  a continuation holds a reference until it has run. The wake may come after the object
///           is gone: see futex_wake().
class publication {
 public:
  explicit publication(std::uint32_t references = 1) noexcept : word_{references * one_reference} {}

  /// Makes the result visible, and gives up the caller's reference.
  /// \return whether it was the last: the caller then destroys the object.
  [[nodiscard]] bool publish() noexcept;

  void add_reference() noexcept {
    // relaxed: who adds one already holds one.
    word_.fetch_add(one_reference, std::memory_order_relaxed);
  }
  /// Gives up `count` references, and keeps at least one.
  void release_references(std::uint32_t count) noexcept {
    // release: E3. What is left is not the last, so nothing is to be acquired.
    word_.fetch_sub(count * one_reference, std::memory_order_release);
  }
  /// \return whether it was the last: the caller then destroys the object.
  [[nodiscard]] bool release_reference() noexcept {
    // acquire: E3. Who holds the only reference is alone, and nobody can add another.
    if (word_.load(std::memory_order_acquire) / one_reference == 1) return true;
    // acq_rel: E3.
    return word_.fetch_sub(one_reference, std::memory_order_acq_rel) / one_reference == 1;
  }

  [[nodiscard]] bool is_ready() const noexcept {
    // acquire: E1.
    return (word_.load(std::memory_order_acquire) & ready) != 0;
  }

  /// Waits until ready. On a worker of the pool that has the task `owner`: runs that task here if
  /// it has not started and there is no deadline, since the task might take longer; else lets
  /// another worker take this one's place meanwhile (promise P5).
  /// \param  how  whether a wait without a deadline may be given up.
  /// \return is_ready(): false only if `deadline` came first, or if there is none and the wait was
  ///         given up, since it could never have ended.
  bool wait(const void* owner, const clock& time, time_point deadline,
            task_wait::yields how = task_wait::yields::gladly) noexcept;

  /// At most once. \return false if the result is there already: the caller then runs `next`.
  [[nodiscard]] bool attach(continuation* next) noexcept;

 private:
  enum bits : std::uint32_t {
    ready = 1,
    awaited = 2,
    continued = 4,
    given_up = 8,
    one_reference = 16
  };
  class patient_wait;

  bool wait_without_limit(const void* owner, task_wait::yields how) noexcept;

  atomic<std::uint32_t> word_;
  continuation* continuation_ = nullptr;  // written by attach() before it sets `continued`
};

}  // namespace millpool
