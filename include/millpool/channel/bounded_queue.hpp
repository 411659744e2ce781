// Layer 2 · channel: the plain one, without priorities. The pool's own channel is task_channel.hpp.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/pop_iterator.hpp"
#include "millpool/channel/queue_status.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/thread_host.hpp"

#include <concepts>
#include <cstddef>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace millpool {

/// A FIFO of at most `capacity` values, shared by any number of producers and consumers.
///
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
/// Ordering       a successful push happens-before the pop that returns its value.
/// Closing        after close(), pushes fail; pops drain what is left, then fail.
/// Exceptions     if moving a T throws: push leaves the channel unchanged, pop loses that value.
/// Allocation     only in the constructor: room for `capacity` values.
/// Lifetime       who takes the last value may destroy the channel, even if the push that brought
///                it has not returned yet. Moves, copies and destructors of T run under the
///                channel's lock: they must not use the channel.
/// Source         interface: WG21 P0260R20 `bounded_queue`; the timed forms are ours.
template <std::movable T>
class bounded_queue {
 public:
  using value_type = T;
  using iterator = pop_iterator<bounded_queue, T>;

  /// Creates an open, empty channel. The only allocation this class ever makes.
  /// \param  capacity  in elements, at least 1.
  /// \param  time      what the timed forms go by; outlives the channel.
  /// \throws std::invalid_argument if capacity is 0; std::bad_alloc.
  explicit bounded_queue(std::size_t capacity, const clock& time = steady())
      : time_{time}, capacity_{checked(capacity)}, slots_{std::allocator<T>{}.allocate(capacity)} {}

  /// Destroys the values that are left. Nobody may be waiting.
  ~bounded_queue();

  bounded_queue(const bounded_queue&) = delete;
  bounded_queue& operator=(const bounded_queue&) = delete;

  /// Waits while the channel is full. O(1).
  /// \return false iff the channel is closed; `value` is then left as it was.
  [[nodiscard]] bool push(T&& value) {
    return emplace_until(no_deadline, std::move(value)) == queue_status::success;
  }
  [[nodiscard]] bool push(const T& value) requires std::copy_constructible<T> {
    return emplace_until(no_deadline, value) == queue_status::success;
  }

  /// Never waits. \return success, full or closed; unless success, `value` is left as it was.
  [[nodiscard]] queue_status try_push(T&& value) { return try_emplace(std::move(value)); }
  [[nodiscard]] queue_status try_push(const T& value) requires std::copy_constructible<T> {
    return try_emplace(value);
  }

  /// Waits while the channel is full, but not for longer than `wait`.
  /// \return success, closed or timeout; unless success, `value` is left as it was.
  [[nodiscard]] queue_status push_for(T&& value, duration wait) {
    return emplace_until(deadline_after(time_.now(), wait), std::move(value));
  }
  [[nodiscard]] queue_status push_for(const T& value,
                                      duration wait) requires std::copy_constructible<T> {
    return emplace_until(deadline_after(time_.now(), wait), value);
  }

  /// Waits while the channel is full, but not beyond `deadline`. If there is room, a deadline in
  /// the past is as good as any.
  /// \return success, closed or timeout; unless success, `value` is left as it was.
  [[nodiscard]] queue_status push_until(T&& value, time_point deadline) {
    return emplace_until(deadline, std::move(value));
  }
  [[nodiscard]] queue_status push_until(const T& value,
                                        time_point deadline) requires std::copy_constructible<T> {
    return emplace_until(deadline, value);
  }

  /// Waits while the channel is empty and open. O(1).
  /// \return the oldest value, or nothing: the channel is closed and drained.
  [[nodiscard]] std::optional<T> pop();

  /// Never waits. \return the oldest value, or why there is none: empty or closed.
  [[nodiscard]] std::expected<T, queue_status> try_pop();

  /// Waits while the channel is empty and open, but not for longer than `wait`.
  /// \return the oldest value, or why there is none: closed or timeout.
  [[nodiscard]] std::expected<T, queue_status> pop_for(duration wait) {
    return pop_until(deadline_after(time_.now(), wait));
  }

  /// Waits while the channel is empty and open, but not beyond `deadline`.
  /// \return the oldest value, or why there is none: closed or timeout.
  [[nodiscard]] std::expected<T, queue_status> pop_until(time_point deadline);

  /// Ends input, for good: pushes fail from here on, and all who wait are woken. Idempotent.
  void close() noexcept;
  [[nodiscard]] bool is_closed() const noexcept;

  /// In elements, as given to the constructor.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// The number of values inside. Exact when it was taken; others may have changed it since.
  [[nodiscard]] std::size_t size() const noexcept;

  /// `for (T& value : queue)` takes values until the channel is closed and drained, and waits for
  /// each of them. Several threads may loop at once: each value goes to one of them.
  [[nodiscard]] iterator begin() { return iterator{*this}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  static std::size_t checked(std::size_t capacity);

  template <class Value>
  queue_status try_emplace(Value&& value);
  template <class Value>
  queue_status emplace_until(time_point deadline, Value&& value);

  // The functions below expect mutex_ to be held.
  [[nodiscard]] bool full() const noexcept { return size_ == capacity_; }
  [[nodiscard]] std::size_t slot_after_the_last() const noexcept;
  template <class Value>
  void put(Value&& value);
  template <class Taken>
  [[nodiscard]] Taken take();
  void drop_oldest() noexcept;

  const clock& time_;
  const std::size_t capacity_;
  T* const slots_;  // a ring; size_ slots from oldest_ on hold a value: guarded by mutex_
  mutable mutex mutex_;
  condition_variable not_empty_;
  condition_variable not_full_;
  std::size_t oldest_ = 0;  // guarded by mutex_
  std::size_t size_ = 0;    // guarded by mutex_
  bool closed_ = false;     // guarded by mutex_
};

// -------------------------------------------------------------------------------------------------

// One notify an event: a push wakes one consumer, a pop one producer. Two rules keep that enough.
//   - Who was woken and then does not use what it was woken for passes the wake-up on: see put().
//   - All notifies are made under the lock, so that the channel is still there: once the lock is
//     free, a consumer may take the last value and destroy the channel.

template <std::movable T>
std::size_t bounded_queue<T>::checked(std::size_t capacity) {
  if (capacity > 0) return capacity;
  throw std::invalid_argument{"bounded_queue: capacity must be at least 1, is " +
                              std::to_string(capacity)};
}

template <std::movable T>
bounded_queue<T>::~bounded_queue() {
  while (size_ > 0) drop_oldest();
  std::allocator<T>{}.deallocate(slots_, capacity_);
}

template <std::movable T>
template <class Value>
queue_status bounded_queue<T>::try_emplace(Value&& value) {
  const lock_guard lock{mutex_};
  if (closed_) return queue_status::closed;
  if (full()) return queue_status::full;
  put(std::forward<Value>(value));
  return queue_status::success;
}

template <std::movable T>
template <class Value>
queue_status bounded_queue<T>::emplace_until(time_point deadline, Value&& value) {
  unique_lock lock{mutex_};
  wait_until_hosted(not_full_, lock, time_, deadline, [this] { return closed_ || !full(); });
  if (closed_) return queue_status::closed;
  if (full()) return queue_status::timeout;
  put(std::forward<Value>(value));
  return queue_status::success;
}

template <std::movable T>
std::size_t bounded_queue<T>::slot_after_the_last() const noexcept {
  const std::size_t to_the_end = capacity_ - oldest_;
  return size_ < to_the_end ? oldest_ + size_ : size_ - to_the_end;
}

template <std::movable T>
template <class Value>
void bounded_queue<T>::put(Value&& value) {
  T* const slot = slots_ + slot_after_the_last();
  if constexpr (std::is_nothrow_constructible_v<T, Value>) {
    std::construct_at(slot, std::forward<Value>(value));
  } else {
    try {
      std::construct_at(slot, std::forward<Value>(value));
    } catch (...) {
      not_full_.notify_one();  // the room that this producer was woken for is another one's now
      throw;
    }
  }
  ++size_;
  not_empty_.notify_one();
}

template <std::movable T>
template <class Taken>
Taken bounded_queue<T>::take() {
  struct at_exit {  // runs after the value moved out, and also when moving it throws
    bounded_queue& queue;
    ~at_exit() {
      queue.drop_oldest();
      queue.not_full_.notify_one();
    }
  } const leave{*this};
  return Taken{std::in_place, std::move(slots_[oldest_])};
}

template <std::movable T>
void bounded_queue<T>::drop_oldest() noexcept {
  std::destroy_at(slots_ + oldest_);
  oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
  --size_;
}

template <std::movable T>
std::optional<T> bounded_queue<T>::pop() {
  unique_lock lock{mutex_};
  wait_until_hosted(not_empty_, lock, time_, no_deadline, [this] { return closed_ || size_ > 0; });
  if (size_ == 0) return std::nullopt;
  return take<std::optional<T>>();
}

template <std::movable T>
std::expected<T, queue_status> bounded_queue<T>::try_pop() {
  const lock_guard lock{mutex_};
  if (size_ == 0) return std::unexpected{closed_ ? queue_status::closed : queue_status::empty};
  return take<std::expected<T, queue_status>>();
}

template <std::movable T>
std::expected<T, queue_status> bounded_queue<T>::pop_until(time_point deadline) {
  unique_lock lock{mutex_};
  wait_until_hosted(not_empty_, lock, time_, deadline, [this] { return closed_ || size_ > 0; });
  if (size_ == 0) return std::unexpected{closed_ ? queue_status::closed : queue_status::timeout};
  return take<std::expected<T, queue_status>>();
}

template <std::movable T>
void bounded_queue<T>::close() noexcept {
  const lock_guard lock{mutex_};
  closed_ = true;
  not_empty_.notify_all();
  not_full_.notify_all();
}

template <std::movable T>
bool bounded_queue<T>::is_closed() const noexcept {
  const lock_guard lock{mutex_};
  return closed_;
}

template <std::movable T>
std::size_t bounded_queue<T>::size() const noexcept {
  const lock_guard lock{mutex_};
  return size_;
}

}  // namespace millpool
