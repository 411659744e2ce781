// Layer 2 · result: results on their way to their readers, bounded by credits.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/result/landed_list.hpp"
#include "millpool/result/result.hpp"
#include "millpool/result/result_pace.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/thread_host.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace millpool {

enum class result_order : std::uint8_t { completion, submission };

template <class T>
class landing;

/// The buffer under result_channel and ordered_stream. A submission first reserves the place where
/// its result will land: so a worker never waits to deliver, and a reader who goes away leaves no
/// worker stuck. What lands is the task's own block with the result in it: nothing is moved before
/// a reader takes it.
///
/// State of a reservation                       who moves it
///   reserved  --land()---------> landed        the worker, by a push on landed_
///   landed    --next()---------> collected     a reader, with mutex_ held; so the rest
///   collected --pop_next()-----> popped        a reader
///   reserved  --land_empty()---> popped        the submitter, if the pool refused the task; or
///             --land_empty()---> refused       in order of submission, while others are before it
///   refused   --skip_refused()-> popped        who pops the one before it
/// Counts (all only grow)   popped_ <= reserved_ <= popped_ + capacity
/// Invariants
///   I1  a reservation lands exactly once: with a result, or empty when the pool refused the task.
///       In order of submission, the next place is never a refused one: it is skipped at once.
///   I2  places_[i % capacity] belongs to reservation i, for popped_ <= i < popped_ + capacity.
///   I3  limit_ <= popped_ + capacity. So who reserves below limit_ need not know popped_.
///   I4  a reader sleeps only after it has seen, with mutex_ held, that nothing may be popped, that
///       something is still to come, and that landed_ is `awaited`. What comes is a push that ends
///       `awaited`, land_empty() or close(), and each notifies all readers afterwards. So a pop
///       need not, even if it is the last: the notify for what it has popped finds who sleeps.
///   I5  a submitter that sleeps found no room with mutex_ held; whoever makes room, with it held,
///       notifies one, who passes it on if there is more.
/// References  the buffer is held by its stream, and by the `awaited` of landed_, for the worker
///             that ends it: that one still has to notify when a reader may have popped its result
///             and the stream may be gone. Once the stream is gone, each result under way holds
///             one. So a landing counts nothing as long as there is a stream.
/// Edges
///   E1  popped_'s store --> the submitter that reserves by it, via limit_ or not: its place is
///       free. What it lands is collected after the pop that freed the place.
///   E2  a reference's release --> the last one's: its holder may destroy the buffer.
///   Others are those of mutex_ and of landed_list.
/// Thread safety  every member may be called concurrently, except the end of the pointer.
/// Allocation     the constructor's, only.
/// Exceptions     if moving a value throws, pop_until() loses that one value.
/// Checked by the tsan preset; tests/model/result_buffer_model.cpp walks the interleavings.
template <class T>
class result_buffer {
 public:
  struct let_go {
    void operator()(result_buffer* buffer) const noexcept { buffer->end(); }
  };
  /// Its end closes the buffer, drops what has landed, and leaves the rest to those who are to land
  /// it. Nobody else may be in a call of the buffer then, but land().
  using ptr = std::unique_ptr<result_buffer, let_go>;

  /// \throws std::invalid_argument if capacity is 0; std::bad_alloc.
  static ptr make(std::size_t capacity, result_order order, const clock& time) {
    if (capacity == 0) {
      throw std::invalid_argument{"result channel: capacity must be at least 1, is 0"};
    }
    return ptr{new result_buffer{capacity, order, time}};
  }
  result_buffer(const result_buffer&) = delete;
  result_buffer& operator=(const result_buffer&) = delete;

  /// Waits while `capacity` results are reserved or wait to be popped.
  /// \return the reservation's number, or nothing: closed, or `deadline` came first.
  std::optional<std::uint64_t> reserve(time_point deadline) {
    attempt tried = try_reserve();
    if (tried.is == attempt::full && deadline > time_.now()) tried = wait_for_room(deadline);
    if (tried.is != attempt::reserved) return std::nullopt;
    return tried.number;
  }

  /// The task has ended. Takes over a reference to its block. Never waits for room.
  void land(landing<T>& one) noexcept;

  /// The task was refused: there will be no result.
  void land_empty(std::uint64_t reservation) noexcept;

  /// Waits for the next result. \return nothing: closed and all read, or `deadline` came first.
  std::optional<result<T>> pop_until(time_point deadline);

  void close() noexcept;
  [[nodiscard]] bool is_closed() const noexcept {
    // acquire: who finds it closed sees what was done before close().
    return (reserved_.load(std::memory_order_acquire) & closed) != 0;
  }

  [[nodiscard]] std::size_t outstanding() const {
    const lock_guard lock{mutex_};
    return used();
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] const clock& time() const noexcept { return time_; }

 private:
  using list = landed_list<landing<T>>;

  struct attempt {
    enum : std::uint8_t { reserved, full, closed } is;
    std::uint64_t number = 0;
  };
  /// In order of submission: what is known of a reservation that was not popped yet.
  struct place {
    landing<T>* collected = nullptr;
    bool refused = false;
  };

  // reserved_ counts from its second bit on: the first says that nobody is let in any more. One
  // word for both, so that nobody gets in after a reader has seen the end.
  static constexpr std::uint64_t closed = 1, one_reserved = 2;

  result_buffer(std::size_t capacity, result_order order, const clock& time)
      : capacity_{capacity},
        order_{order},
        time_{time},
        limit_{capacity},
        places_(order == result_order::submission ? capacity : 0) {}
  ~result_buffer() = default;

  [[nodiscard]] attempt try_reserve() noexcept;
  [[nodiscard]] attempt wait_for_room(time_point deadline);
  void end() noexcept;
  [[nodiscard]] std::size_t drop_all(landing<T>* first) noexcept;
  void release_references(std::size_t count) noexcept {
    // acq_rel: E2.
    if (references_.fetch_sub(count, std::memory_order_acq_rel) == count) delete this;
  }

  // The functions below expect mutex_ to be held.
  [[nodiscard]] bool wait_for_one(unique_lock& lock, time_point deadline);
  void let_several_land(unique_lock& lock, time_point deadline) noexcept;
  [[nodiscard]] bool await_landing() noexcept;
  [[nodiscard]] landing<T>* next() noexcept;
  [[nodiscard]] landing<T>* pop_next() noexcept;
  void skip_refused() noexcept;
  [[nodiscard]] std::uint64_t popped() const noexcept {
    // relaxed: changes under mutex_ only.
    return popped_.load(std::memory_order_relaxed);
  }
  void count_popped() noexcept {
    // release: E1.
    popped_.store(popped() + 1, std::memory_order_release);
  }
  [[nodiscard]] place& place_of(std::uint64_t number) noexcept {
    return places_[number % capacity_];  // I2
  }
  [[nodiscard]] std::size_t used() const noexcept {
    // relaxed: the count is right at some moment of the call, which is all that is asked.
    const std::uint64_t reserved = reserved_.load(std::memory_order_relaxed) / one_reserved;
    return static_cast<std::size_t>(reserved - popped());
  }
  [[nodiscard]] bool at_its_end() const noexcept { return is_closed() && used() == 0; }
  [[nodiscard]] bool decided() noexcept { return next() != nullptr || at_its_end(); }
  [[nodiscard]] bool share_is_free() const noexcept { return used() <= capacity_ - capacity_ / 4; }
  void made_room() noexcept {
    if (submitters_ == 0) return;
    room_.notify_one();
    if (share_is_free()) share_free_.notify_one();
  }

  const std::size_t capacity_;
  const result_order order_;
  const clock& time_;
  atomic<std::size_t> references_{1};

  // The submitters' line.
  alignas(cache_line_size) atomic<std::uint64_t> reserved_{0};
  atomic<std::uint64_t> limit_;  // I3: what they know of popped_ + capacity

  list landed_;  // the workers' line

  // The readers'.
  alignas(cache_line_size) mutable mutex mutex_;
  condition_variable room_;
  condition_variable share_free_;
  condition_variable arrived_;
  atomic<std::uint64_t> popped_{0};  // written with mutex_ held; what follows is guarded by it
  landing<T>* ready_ = nullptr;      // in order of completion: collected, oldest first
  std::size_t submitters_ = 0;       // that wait for room_
  result_pace pace_;                 // of those that were popped
  std::vector<place> places_;        // in order of submission
};

/// A task's result, from its end until it is popped.
template <class T>
class landing : public result_slot<T> {
 public:
  /// \param  buffer  needs no reference: see there.
  landing(result_buffer<T>* buffer, std::uint64_t reservation) noexcept
      : result_slot<T>{buffer}, buffer_{buffer}, reservation_{reservation} {}

  void complete(task_state state) noexcept override {
    state_ = state;
    buffer_->land(*this);
  }

  [[nodiscard]] std::uint64_t reservation() const noexcept { return reservation_; }

  /// How the task ended. REQUIRES: it has landed. \throws what moving the value throws.
  [[nodiscard]] std::optional<result<T>> take() {
    using taken = std::optional<result<T>>;
    if (state_ == task_state::succeeded) {
      return taken{std::in_place, std::move(this->value_), nullptr, state_};
    }
    // An abandoned task still runs, and may yet write its value and error: they are not looked at.
    const bool failed = state_ == task_state::failed;
    return taken{std::in_place, failed ? std::move(this->error_) : nullptr, state_};
  }

  landing* next_landed = nullptr;  ///< for who holds the list that this is on

 private:
  result_buffer<T>* buffer_;
  std::uint64_t reservation_;
  task_state state_{};
};

// -------------------------------------------------------------------------------------------------

template <class T>
typename result_buffer<T>::attempt result_buffer<T>::try_reserve() noexcept {
  // relaxed: the compare_exchange decides.
  std::uint64_t seen = reserved_.load(std::memory_order_relaxed);
  for (;;) {
    if ((seen & closed) != 0) return {attempt::closed};
    const std::uint64_t number = seen / one_reserved;
    // acquire: E1, here and below.
    if (number >= limit_.load(std::memory_order_acquire)) {
      const std::uint64_t limit = popped_.load(std::memory_order_acquire) + capacity_;
      if (number >= limit) {
        // Full, if nobody has come in since `number` was read.
        const std::uint64_t before = std::exchange(seen, reserved_.load(std::memory_order_relaxed));
        if (seen == before) return {attempt::full};
        continue;
      }
      // release: E1. An older limit may come after a newer one: I3 holds for both.
      limit_.store(limit, std::memory_order_release);
    }
    // relaxed: the task's way through the pool is the edge to whatever follows.
    if (reserved_.compare_exchange_weak(seen, seen + one_reserved, std::memory_order_relaxed)) {
      return {attempt::reserved, number};
    }
  }
}

template <class T>
typename result_buffer<T>::attempt result_buffer<T>::wait_for_room(time_point deadline) {
  const blocking_region blocked;
  attempt tried{attempt::full};
  unique_lock lock{mutex_};
  ++submitters_;
  if (pace_.brings_several(capacity_)) {
    wait_a_moment(share_free_, lock, std::chrono::milliseconds{1}, time_, deadline,
                  [&] { return is_closed() || share_is_free(); });
  }
  (void)wait_until(room_, lock, time_, deadline,
                   [&] { return (tried = try_reserve()).is != attempt::full; });
  --submitters_;
  // One notify may stand for several places, and may have come to one whose time was up: I5.
  if (used() < capacity_) made_room();
  return tried;
}

template <class T>
void result_buffer<T>::land(landing<T>& one) noexcept {
  const auto pushed = landed_.push(one);  // unless it finds `gone`, `one` may be popped by now
  if (pushed == list::pushed::yes) return;
  if (pushed == list::pushed::waiter) {
    const lock_guard lock{mutex_};
    arrived_.notify_all();  // I4
  } else {
    one.release_reference();
  }
  release_references(1);  // that of `awaited`, or of the result under way
}

template <class T>
void result_buffer<T>::land_empty(std::uint64_t reservation) noexcept {
  const lock_guard lock{mutex_};
  if (order_ == result_order::submission) {
    place_of(reservation).refused = true;
    skip_refused();
  } else {
    count_popped();
  }
  made_room();
  arrived_.notify_all();  // it may have been the last, or have stood before one that landed
}

template <class T>
std::optional<result<T>> result_buffer<T>::pop_until(time_point deadline) {
  unique_lock lock{mutex_};
  if (next() == nullptr && !wait_for_one(lock, deadline)) return std::nullopt;
  const completion_ref<landing<T>> popped{pop_next()};
  made_room();
  lock.unlock();
  return popped->take();
}

template <class T>
void result_buffer<T>::close() noexcept {
  // release: see is_closed().
  reserved_.fetch_or(closed, std::memory_order_release);
  const lock_guard lock{mutex_};
  room_.notify_all();
  share_free_.notify_all();
  arrived_.notify_all();
}

// Returns whether there is a next one.
template <class T>
bool result_buffer<T>::wait_for_one(unique_lock& lock, time_point deadline) {
  if (thread_host* const host = this_thread_host(); host != nullptr && deadline == no_deadline) {
    bool ran = true;  // a worker runs the tasks whose results it waits for (promise P5)
    while (ran && !decided()) {
      lock.unlock();
      ran = host->run_waiting(this);
      lock.lock();
    }
  }
  if (decided()) return next() != nullptr;
  if (deadline <= time_.now()) return false;
  lock.unlock();
  const blocking_region blocked;
  lock.lock();
  let_several_land(lock, deadline);
  (void)wait_until(arrived_, lock, time_, deadline, [&] {
    do {
      if (decided()) return true;
    } while (!await_landing());  // no sleep without it: I4
    return false;
  });
  return next() != nullptr;
}

// A reader that is woken for each result of a quick stream leaves its tasks no processor.
template <class T>
void result_buffer<T>::let_several_land(unique_lock& lock, time_point deadline) noexcept {
  constexpr std::size_t many = 32;  // the last ones are not waited for
  pace_.look(steady().now(), popped());
  if (used() < many || !pace_.brings_several(capacity_) || decided()) return;
  wait_a_moment(arrived_, lock, result_pace::moment, time_, deadline,
                [this] { return at_its_end(); });
}

// Returns false if something has landed since the last look.
template <class T>
bool result_buffer<T>::await_landing() noexcept {
  // relaxed: the caller's stream holds one. The await is the edge to who gets this one.
  references_.fetch_add(1, std::memory_order_relaxed);
  const auto now = landed_.await();
  if (now != list::awaiting::yes) {
    // relaxed: as above, so it is not the last.
    references_.fetch_sub(1, std::memory_order_relaxed);
  }
  return now != list::awaiting::landed;
}

// Returns what may be popped, or null. What has landed is collected on the way.
template <class T>
landing<T>* result_buffer<T>::next() noexcept {
  if (order_ == result_order::completion) {
    if (ready_ == nullptr) ready_ = landed_.collect();
    return ready_;
  }
  for (landing<T>* each = landed_.collect(); each != nullptr; each = each->next_landed) {
    place_of(each->reservation()).collected = each;
  }
  return place_of(popped()).collected;
}

template <class T>
landing<T>* result_buffer<T>::pop_next() noexcept {
  if (order_ == result_order::completion) {
    count_popped();
    return std::exchange(ready_, ready_->next_landed);
  }
  landing<T>* const one = std::exchange(place_of(popped()).collected, nullptr);
  count_popped();
  skip_refused();
  return one;
}

template <class T>
void result_buffer<T>::skip_refused() noexcept {
  while (std::exchange(place_of(popped()).refused, false)) count_popped();
}

template <class T>
void result_buffer<T>::end() noexcept {
  close();
  const std::size_t left = used();
  // For each that has not been popped, before any of them can find `gone`. relaxed: end() below is
  // the edge to those.
  references_.fetch_add(left, std::memory_order_relaxed);
  const auto rest = landed_.end();
  std::size_t mine = 1;  // the stream's, and of all that is not under way
  if (rest.awaited) ++mine;
  mine += drop_all(rest.oldest) + drop_all(ready_);
  for (const place& each : places_) {
    if (each.refused) ++mine;
    if (each.collected != nullptr) {
      each.collected->next_landed = nullptr;
      mine += drop_all(each.collected);
    }
  }
  release_references(mine);
}

// Returns how many they were.
template <class T>
std::size_t result_buffer<T>::drop_all(landing<T>* first) noexcept {
  std::size_t count = 0;
  for (; first != nullptr; ++count) {
    const completion_ref<landing<T>> dropped{std::exchange(first, first->next_landed)};
  }
  return count;
}

}  // namespace millpool
