// Layer 2 · result: results on their way to one reader, bounded by credits.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/result/result.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/thread_host.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace millpool {

enum class result_order : std::uint8_t { completion, submission };

/// The buffer under result_channel and ordered_stream. A submission first reserves the place where
/// its result will land: so a worker never waits to deliver, and a reader who goes away leaves no
/// worker stuck.
///
/// Counts (all only grow)   popped_ <= landed_ <= reserved_ <= popped_ + capacity
/// Invariants
///   I1  a reservation lands exactly once: with a result, or empty when the pool refused the task.
///       The next place to be popped is never an empty one that has landed: it is skipped at once.
///   I2  places_[i % capacity] belongs to position i, for popped_ <= i < popped_ + capacity. A
///       result lands at its reservation's number (submission order) or at landed_ (completion
///       order).
/// Thread safety  every member may be called concurrently.
/// Allocation     the constructor's, only.
/// Exceptions     if moving a value throws, land() lands that exception in its place, and
///                pop_until() loses that one value.
template <class T>
class result_buffer {
 public:
  result_buffer(std::size_t capacity, result_order order, const clock& time)
      : order_{order}, time_{time}, places_(capacity) {
    if (capacity == 0) {
      throw std::invalid_argument{"result channel: capacity must be at least 1, is 0"};
    }
  }

  /// Waits while `capacity` results are reserved or wait to be popped.
  /// \return the reservation's number, or nothing: closed, or `deadline` came first.
  std::optional<std::uint64_t> reserve(time_point deadline) {
    unique_lock lock{mutex_};
    const auto decided = [this] { return closed_ || reserved_ - popped_ < places_.size(); };
    const bool room = wait_until_hosted(room_, lock, time_, deadline, decided);
    if (closed_ || !room) return std::nullopt;
    return reserved_++;
  }

  /// The task has ended. \param  value  holds one if and only if `state` is succeeded.
  void land(std::uint64_t reservation, std::optional<stored<T>>&& value, std::exception_ptr error,
            task_state state) noexcept {
    const lock_guard lock{mutex_};
    place& at = land_at(reservation);
    try {
      at.outcome.emplace(std::move(value), std::move(error), state);
    } catch (...) {
      at.outcome.emplace(std::current_exception(), task_state::failed);
    }
    value.reset();  // what a move leaves behind is gone, too, when the result is seen
    arrived_.notify_all();
  }

  /// The task was refused: there will be no result.
  void land_empty(std::uint64_t reservation) noexcept {
    const lock_guard lock{mutex_};
    land_at(reservation);
    skip_empty();
    arrived_.notify_all();  // it may have been the last, or have stood before one that landed
  }

  /// Waits for the next result. \return nothing: closed and all read, or `deadline` came first.
  std::optional<result<T>> pop_until(time_point deadline) {
    unique_lock lock{mutex_};
    const auto decided = [this] { return next().landed || (closed_ && popped_ == reserved_); };
    if (thread_host* const host = this_thread_host(); host != nullptr && deadline == no_deadline) {
      bool ran = true;  // a worker runs the tasks whose results it waits for (promise P5)
      while (ran && !decided()) {
        lock.unlock();
        ran = host->run_waiting(this);
        lock.lock();
      }
    }
    (void)wait_until_hosted(arrived_, lock, time_, deadline, decided);
    if (!next().landed) return std::nullopt;
    struct emptied {
      place& at;
      ~emptied() { at.outcome.reset(); }
    } const popped{next()};
    pop_place();
    skip_empty();
    arrived_.notify_all();  // other readers: the next may have landed already, or this was the last
    return std::move(popped.at.outcome);
  }

  void close() noexcept {
    const lock_guard lock{mutex_};
    closed_ = true;
    room_.notify_all();
    arrived_.notify_all();
  }

  [[nodiscard]] bool is_closed() const {
    const lock_guard lock{mutex_};
    return closed_;
  }

  [[nodiscard]] std::size_t outstanding() const {
    const lock_guard lock{mutex_};
    return static_cast<std::size_t>(reserved_ - popped_);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return places_.size(); }
  [[nodiscard]] const clock& time() const noexcept { return time_; }

 private:
  struct place {
    bool landed = false;
    std::optional<result<T>> outcome;
  };

  // The functions below expect mutex_ to be held.
  [[nodiscard]] place& next() noexcept { return places_[popped_ % places_.size()]; }

  place& land_at(std::uint64_t reservation) noexcept {
    const std::uint64_t position = order_ == result_order::submission ? reservation : landed_;
    ++landed_;
    place& at = places_[position % places_.size()];
    at.landed = true;
    return at;
  }

  void pop_place() noexcept {
    next().landed = false;
    ++popped_;
    room_.notify_one();
  }

  void skip_empty() noexcept {
    while (next().landed && !next().outcome) pop_place();
  }

  const result_order order_;
  const clock& time_;
  mutable mutex mutex_;
  condition_variable room_;
  condition_variable arrived_;
  std::uint64_t reserved_ = 0;  // guarded by mutex_, as is all that follows
  std::uint64_t landed_ = 0;
  std::uint64_t popped_ = 0;
  bool closed_ = false;
  std::vector<place> places_;
};

/// Where a task's result lies until it lands in a result_buffer.
template <class T>
class landing : public result_slot<T> {
 public:
  landing(std::shared_ptr<result_buffer<T>> buffer, std::uint64_t reservation) noexcept
      : result_slot<T>{buffer.get()}, buffer_{std::move(buffer)}, reservation_{reservation} {}

  void complete(task_state state) noexcept override {
    // An abandoned task still runs, and may yet write its value and error: they are not looked at.
    const bool failed = state == task_state::failed;
    std::optional<stored<T>> nothing;
    buffer_->land(reservation_,
                  state == task_state::succeeded ? std::move(this->value_) : std::move(nothing),
                  failed ? std::move(this->error_) : nullptr, state);
    this->release_reference();
  }

 private:
  std::shared_ptr<result_buffer<T>> buffer_;
  std::uint64_t reservation_;
};

}  // namespace millpool
