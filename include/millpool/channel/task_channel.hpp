// Layer 2 · channel: values in flight, by priority. Next stop: src/pool/worker.cpp, which takes
// them.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/channel/intake.hpp"
#include "millpool/channel/lane_limit.hpp"
#include "millpool/channel/lane_shadow.hpp"
#include "millpool/channel/priority_lanes.hpp"
#include "millpool/channel/queue_status.hpp"
#include "millpool/sync/mutex.hpp"
#include "millpool/sync/spin.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <expected>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <utility>
#include <vector>

namespace millpool {

/// What makes room in a full channel when nobody waits for it.
enum class displace {
  oldest,  ///< the value that came first, of all lanes
  /// The newest value of the lowest lane; nothing if that is not lower than the new value's.
  lowest,
};

/// A bounded channel with eight priority lanes, shared by any number of producers and consumers.
///
/// Ordering       lane 0 is the highest and is taken first; in a lane, first in, first out. A value
///                that has waited longer than aging.bound is taken before the higher lanes'.
///                A successful push happens-before the pop that returns its value.
/// Locks          a value without keys comes in by the intake, as nearly all do, and meets other
///                producers only. All else is done under the channel's lock, and first collects
///                what came so: from outside there is one channel.
/// Capacity       one exact bound over all lanes (promise P7). After set_capacity() to less than
///                what waits, or a put_back() while it is full, nothing is lost: pushes are refused
///                until enough was taken.
/// Closing        after close(), pushes fail; pops drain what is left, then fail.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
/// Allocation     by a lane, when the number of its waiting values first needs it; and 18 KiB for
///                the intake, at its first value.
/// Exceptions     a push may throw std::bad_alloc; the channel and the value are then unchanged.
///                Without memory some of what came in may wait outside its lane, and out of its
///                turn; nothing is lost, or overtaken in its lane.
template <class T>
class task_channel {
 public:
  /// \param  capacity  in values, at least 1.
  /// \param  time      outlives the channel.
  /// \throws std::invalid_argument if capacity or rule.share is 0.
  /// \param  keys      outlives the channel. Null: no serial key may be used.
  /// \param  limit     the same. Null, or off: none. It is for those who take by try_take() and say
  ///                   whether they have entered it; the others pass it by.
  explicit task_channel(std::size_t capacity, aging rule = {}, const clock& time = steady(),
                        serial_keys* keys = nullptr, lane_limit* limit = nullptr)
      : time_{time},
        limit_{limit != nullptr && limit->is_on() ? limit : nullptr},
        capacity_{checked(capacity)},
        lanes_{rule, keys} {
    if (rule.share == 0)
      throw std::invalid_argument{"task_channel: aging.share must be at least 1"};
  }
  task_channel(const task_channel&) = delete;
  task_channel& operator=(const task_channel&) = delete;

  /// Waits while the channel is full. \return false iff it is closed; `value` is then as it was.
  [[nodiscard]] bool push(T&& value, const placement& where) {
    return push_until(std::move(value), where, no_deadline) == queue_status::success;
  }

  /// Never waits. \return success, full or closed; unless success, `value` is left as it was.
  /// \param  waiting  set to about how many values wait after a success, if not null.
  [[nodiscard]] queue_status try_push(T&& value, const placement& where,
                                      std::size_t* waiting = nullptr);
  /// The same for a value without keys, in some forty instructions where nothing is in the way.
  /// \param  came  what the value is old by; not placement::now.
  [[nodiscard]] queue_status try_push(T&& value, std::size_t lane, time_point came,
                                      std::size_t* waiting = nullptr);

  /// Waits while the channel is full, until `deadline` or until `stop` is requested.
  /// \return success, closed or timeout; unless success, `value` is left as it was.
  [[nodiscard]] queue_status push_until(T&& value, const placement& where, time_point deadline,
                                        const std::stop_token& stop = {}) {
    return push_while([] { return true; }, std::move(value), where, deadline, stop);
  }
  /// The same as long as goes_on(), which is asked under the lock, before a wait and after
  /// ask_producers(). \return besides: full, where it says no while there is no room.
  template <class GoesOn>
  [[nodiscard]] queue_status push_while(GoesOn goes_on, T&& value, const placement& where,
                                        time_point deadline, const std::stop_token& stop = {});
  void ask_producers() noexcept {
    const lock_guard lock{mutex_};
    wake_producers();
  }

  /// Pushes as many of `values`, from the front, as there is room for, under one lock. Never waits.
  /// \param  placement_of  placement_of(const T&) tells where a value goes.
  /// \return how many were taken; those are moved from.
  template <class PlacementOf>
  [[nodiscard]] std::size_t push_bulk(std::span<T> values, PlacementOf placement_of);

  /// Never waits: in a full channel another value makes room.
  /// \return the value that was displaced, if room was needed; or closed; or full, where `who`
  /// finds
  ///         no victim. In the last two cases `value` is left as it was.
  /// \param  told  set to the victim's arrival, if not null.
  [[nodiscard]] std::expected<std::optional<T>, queue_status> push_displacing(
      T&& value, const placement& where, displace who, arrival* told = nullptr);

  /// Waits while the channel is empty. \return the next value, or nothing: closed and empty.
  [[nodiscard]] std::optional<T> pop();

  /// Never waits. \return the next value, or why there is none: empty or closed.
  [[nodiscard]] std::expected<T, queue_status> try_pop() {
    auto next = try_take();
    if (!next) return std::unexpected{next.error()};
    return std::move(next->value);
  }

  struct taken {
    T value;
    arrival when;
    std::size_t left;  ///< how many values still waited when this one was taken
  };
  /// try_pop(), for a consumer that wakes others as long as something is left.
  [[nodiscard]] std::expected<taken, queue_status> try_take() {
    std::size_t held = 0;
    return try_take(0, held, [](T&&, const arrival&) {});
  }

  /// The same, and takes up to `more_max` of those that are next as well, as long as they are of
  /// the same lane and have no key, and a lower lane that has aged is not served:
  /// keep(T&&, const arrival&), which must not throw, is called for each, under the lock.
  /// \param  held  places that the caller holds, as from reserve(), and gives back; then the
  ///               places of the values that it keeps.
  /// \param  entered  whether the caller is at work for the lanes that are limited. If not, and it
  ///                  gets a value of theirs, it is from here on: true then. Perhaps without one,
  ///                  and it is to leave again. Null: it may take all.
  template <class Keep>
  [[nodiscard]] std::expected<taken, queue_status> try_take(std::size_t more_max, std::size_t& held,
                                                            Keep keep, bool* entered = nullptr);

  /// Never waits. Takes the oldest value of `lane` that can be taken, if `wanted(time_point)` holds
  /// for when it came; for good: a serial key of its is not held. O(1).
  template <class Predicate>
  [[nodiscard]] std::optional<T> take_oldest_if(std::size_t lane, Predicate wanted, arrival* told);

  /// From here on the newest of a lane's values that have no key is taken first, or the oldest
  /// again, as at the beginning. The newest are taken one at a time.
  void serve_newest_first(bool so) noexcept {
    const lock_guard lock{mutex_};
    lanes_.serve_newest_first(so);
  }

  /// Never waits. Takes the newest value for which `wanted(const T&)` holds and that has no serial
  /// key: those keep their order. O(size).
  template <class Predicate>
  [[nodiscard]] std::optional<T> take_newest_if(Predicate wanted, arrival* told = nullptr);

  /// Never waits. See priority_lanes.
  template <class Predicate>
  [[nodiscard]] std::optional<T> take_next_of_its_key(Predicate wanted, arrival* told, bool& is_it);

  /// Never waits. Whether `wanted(const T&)` holds for something that waits; also in a pause, and
  /// where its serial key is held. Called under the lock. O(size).
  template <class Predicate>
  [[nodiscard]] bool any_waits(Predicate wanted) {
    const lock_guard lock{mutex_};
    collect(0);
    return lanes_.any(wanted);
  }

  /// Never waits. Takes all that waits, in the order in which it would have been taken.
  [[nodiscard]] std::vector<T> take_all() {
    std::vector<T> all;
    take_all([&](std::size_t count) { all.reserve(count); },
             [&](T&& value, const arrival&) { all.push_back(std::move(value)); });
    return all;
  }
  /// The same: reserve(count), which may throw, then keep(T&&, const arrival&) for each, under the
  /// lock.
  template <class Reserve, class Keep>
  void take_all(Reserve reserve, Keep keep);

  /// From here until resume() there is nothing to take, for anybody but take_all(): every take
  /// either came before pause() returned or comes after resume(). Pushes go on. A closed channel
  /// that is paused is at its end only once it is empty. Idempotent, both.
  void pause() noexcept;
  void resume() noexcept;

  /// What was taken with this serial key is done with: the next value that stepped aside for it can
  /// be taken, here and in `other`, which shares the keys. \return whether there was one.
  bool release(const serial_key& key, task_channel* other = nullptr);

  /// Whether a take would find a value now; one whose serial key is held may count, once. Takes no
  /// lock: a push that happens-before the call is seen, another one may be. What the limit holds
  /// back does not count.
  [[nodiscard]] bool can_take() const noexcept {
    if (limit_ == nullptr) return shadow_.any();
    const std::uint32_t lanes = shadow_.lanes();
    return lanes != 0 && (lanes & ~limit_->shut_lanes()) != 0;
  }

  /// Where a take would find one now: in which lanes, as can_take().
  [[nodiscard]] const lane_shadow& ready_lanes() const noexcept { return shadow_; }
  /// Whether it is closed and all was taken.
  [[nodiscard]] bool is_at_its_end() const {
    const lock_guard lock{mutex_};
    return at_its_end();
  }

  /// This serial key is held back no more: those that stepped aside for it can be taken, here and
  /// in `other`. \return whether there were any.
  bool let_go(const serial_key& key, task_channel* other = nullptr);

  /// A value with a serial key that was taken from here, and is not to be just now, comes back to
  /// where it was, whatever the capacity, also when closed. It counts as never taken. Its key is
  /// not released. \throws std::bad_alloc; `value` is then as it was.
  /// \param  number  of its arrival.
  void put_back(T&& value, const placement& where, std::uint64_t number) {
    const lock_guard lock{mutex_};
    lanes_.put_back(std::move(value), where, number);
    show();
    if (consumers_ > 0) not_empty_.notify_one();
  }

  /// Keeps up to `count` places free for who asks, until give_back(): they count as taken, and so
  /// the capacity bounds what lies elsewhere for want of a lock. \return how many it got.
  [[nodiscard]] std::size_t reserve(std::size_t count) noexcept;
  void give_back(std::size_t count) noexcept;

  /// Ends input: pushes fail from here on, and everybody who waits is woken. Idempotent.
  void close() noexcept;
  [[nodiscard]] bool is_closed() const;

  /// \throws std::invalid_argument if capacity is 0.
  void set_capacity(std::size_t capacity);
  [[nodiscard]] std::size_t capacity() const;

  /// REQUIRES: rule.share is at least 1.
  void set_aging(aging rule) noexcept {
    const lock_guard lock{mutex_};
    lanes_.set_aging(rule);
  }

  /// What waits now, and what went through so far, read at one instant.
  struct snapshot {
    std::size_t capacity;
    std::array<std::size_t, lane_count> depth;  ///< by lane, in values
    std::size_t waiting;                        ///< the sum of depth
    std::size_t ready;                          ///< of these, those that can be taken
    std::size_t reserved;                       ///< places
    std::size_t producers;                      ///< that wait for a place
    std::uint64_t pushed;                       ///< values ever put in, or passed by
    /// By lane, when the oldest came that can be taken.
    std::array<std::optional<time_point>, lane_count> oldest_of{};
    std::array<std::uint64_t, lane_count> taken{};  ///< values ever taken, by lane
  };
  [[nodiscard]] snapshot look();
  /// When the oldest waiting value came. O(values that wait for a key).
  [[nodiscard]] std::optional<time_point> oldest() {
    const lock_guard lock{mutex_};
    collect(0);
    return lanes_.oldest();
  }

  /// How many values of `lane` can be taken. At some moment of the call, as the next.
  [[nodiscard]] std::size_t ready(std::size_t lane) noexcept {
    const lock_guard lock{mutex_};
    collect(0);
    return lanes_.ready(lane);
  }
  /// How many places are taken by the values in `lane` and all higher ones, and by who has reserved
  /// some.
  [[nodiscard]] std::size_t depth_down_to(std::size_t lane) noexcept {
    const lock_guard lock{mutex_};
    collect(0);
    std::size_t sum = reserved_;
    for (std::size_t each = 0; each <= lane; ++each) sum += lanes_.size(each);
    return sum;
  }

  /// Counts a value that passes by the channel, as if it were pushed and taken at once, whatever
  /// the capacity. \return false if the channel is closed.
  [[nodiscard]] bool pass_by() noexcept {
    const lock_guard lock{mutex_};
    if (!closed_) ++passed_by_;
    return !closed_;
  }

  /// How many values were ever put in, or passed by.
  [[nodiscard]] std::uint64_t pushed() const {
    const lock_guard lock{mutex_};
    return lanes_.pushed() + passed_by_ + not_in_a_lane();
  }

  /// The number of waiting values, at some moment of the call. Exact, and old when you read it.
  [[nodiscard]] std::size_t size() const;
  /// Of these, those that can be taken; or nothing, where somebody has the lock. Never waits.
  [[nodiscard]] std::optional<std::size_t> try_ready() const;

 private:
  static std::size_t checked(std::size_t capacity) {
    if (capacity == 0)
      throw std::invalid_argument{"task_channel: capacity must be at least 1, is 0"};
    return capacity;
  }
  // Where fewer wait, producers and consumers meet with each value as it is.
  static constexpr std::size_t worth_an_intake = 64;

  // The functions below expect mutex_ to be held.
  // Places that are free, or that the intake may fill.
  [[nodiscard]] std::size_t free_or_granted() const noexcept {
    return capacity_ - std::min(capacity_, lanes_.size() + intake_.left() + reserved_);
  }
  // Exact where collect() has left them: for `places`, and for a producer that waits.
  [[nodiscard]] std::size_t room() const noexcept {
    return free_or_granted() - std::min(free_or_granted(), granted_);
  }
  [[nodiscard]] bool full() const noexcept { return room() == 0; }
  [[nodiscard]] std::size_t not_in_a_lane() const noexcept {
    return intake_.left() + intake_.filled();
  }
  [[nodiscard]] bool nothing_to_take() const noexcept { return paused_ || !lanes_.any_ready(); }
  [[nodiscard]] bool at_its_end() const noexcept {
    return closed_ && lanes_.empty() && intake_.left() == 0 && granted_ == 0;
  }
  void collect(std::size_t places, std::ptrdiff_t grows = 0) noexcept;
  [[nodiscard]] bool put_in_lanes() noexcept;
  // What came before may still wait for memory.
  void refuse_to_overtake() const {
    if (intake_.left() > 0) throw std::bad_alloc{};
  }
  void put(T&& value, const placement& where);
  // unblock(lanes), for the lanes of this channel first. \return whether it was so for any.
  template <class Unblock>
  bool unblock_in_both(task_channel* other, Unblock unblock);
  [[nodiscard]] queue_status try_push_locked(T&& value, std::size_t lane, time_point came,
                                             std::size_t* waiting);
  void made_room() noexcept;
  void tell_producers() noexcept;
  void wake_producers() noexcept;
  void show() noexcept;
  void look_for_room(unique_lock& lock) noexcept;
  void wait_for_share(unique_lock& lock, time_point deadline, const std::stop_token& stop) noexcept;
  [[nodiscard]] std::size_t share() const noexcept { return capacity_ / 4; }
  [[nodiscard]] bool share_is_free() const noexcept { return free_or_granted() >= share(); }

  lane_shadow shadow_;  // of what is in the channel: nothing while paused
  intake<T> intake_{shadow_};
  alignas(cache_line_size) atomic<std::size_t> room_{0};  // only while a producer looks for some

  alignas(cache_line_size) const clock& time_;
  lane_limit* const limit_;
  mutable mutex mutex_;
  condition_variable not_empty_;
  condition_variable not_full_;
  std::size_t capacity_;  // guarded by mutex_, as is all that follows
  std::uint64_t passed_by_ = 0;
  std::size_t reserved_ = 0;   // places
  std::size_t producers_ = 0;  // in push_until(): they wait for share_free_, and then for not_full_
  std::size_t lookers_ = 0;    // producers in look_for_room()
  std::size_t consumers_ = 0;  // that wait for not_empty_
  std::size_t granted_ = 0;    // places that the intake may fill, or has filled
  bool closed_ = false;
  bool paused_ = false;
  priority_lanes<T> lanes_;
  condition_variable share_free_;
};

// -------------------------------------------------------------------------------------------------

template <class T>
void task_channel<T>::put(T&& value, const placement& where) {
  refuse_to_overtake();
  lanes_.emplace(std::move(value), where, where.came == placement::now ? time_.now() : where.came);
  show();
  if (consumers_ > 0) not_empty_.notify_one();
}

template <class T>
void task_channel<T>::show() noexcept {
  std::uint32_t lanes = lanes_.occupied();
  if (intake_.left() > 0) [[unlikely]]
    lanes |= intake_.lanes_left();
  shadow_.show(paused_ ? 0 : lanes);
}

// Puts into its lanes what came by the intake, and lets it have the places that are free then, but
// for `places`, which the caller is about to use, and one for each producer that waits.
// \param  grows  by so many values the caller is about to change what waits; or about so many.
template <class T>
void task_channel<T>::collect(std::size_t places, std::ptrdiff_t grows) noexcept {
  // What waits for a value, or for room to come, has to be told of each.
  const bool opens = capacity_ >= worth_an_intake && !closed_ && !paused_ && consumers_ == 0;
  if (!intake_.is_allocated() || (granted_ == 0 && !opens && intake_.left() == 0)) return;
  if (!put_in_lanes()) {
    granted_ = intake_.revoke();
    return;
  }
  const std::size_t used = lanes_.size() + reserved_ + places + producers_;
  const std::size_t free = opens ? capacity_ - std::min(capacity_, used) : 0;
  granted_ = intake_.collect(
      {free, lanes_.with_memory(), static_cast<std::ptrdiff_t>(lanes_.size()) + grows});
  if (!put_in_lanes()) granted_ = intake_.revoke();
  if (consumers_ > 0) not_empty_.notify_all();
  if (paused_) show();
}

// \return false: there is no memory for some of it. It keeps its turn, and is tried again.
template <class T>
bool task_channel<T>::put_in_lanes() noexcept {
  try {
    while (intake_.left() > 0) {
      const std::size_t lane = intake_.lane();
      const time_point came = intake_.came();
      if (lanes_.fits_in_ring(lane)) [[likely]] {
        lanes_.emplace_in_ring(intake_.take_first(), lane, came);
      } else {
        lanes_.reserve(1, lane);
        lanes_.emplace(intake_.take_first(), lane, came);
      }
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

template <class T>
void task_channel<T>::made_room() noexcept {
  show();
  // relaxed: who sees it locks and looks again.
  if (lookers_ > 0) {
    room_.store(free_or_granted(), std::memory_order_relaxed);
  }
  if (producers_ > 0) tell_producers();
  if (consumers_ > 0 && at_its_end()) not_empty_.notify_all();
}

// One is told of what is there for several: it calls made_room() when it has pushed.
template <class T>
void task_channel<T>::tell_producers() noexcept {
  if (!full()) not_full_.notify_one();
  if (share_is_free()) share_free_.notify_one();
}

template <class T>
void task_channel<T>::wake_producers() noexcept {
  not_full_.notify_all();
  share_free_.notify_all();
}

template <class T>
[[gnu::noinline]] queue_status task_channel<T>::try_push(T&& value, const placement& where,
                                                         std::size_t* waiting) {
  const lock_guard lock{mutex_};
  if (closed_) return queue_status::closed;
  collect(1, 1);
  if (full()) return queue_status::full;
  put(std::move(value), where);
  if (waiting != nullptr) *waiting = lanes_.size();
  return queue_status::success;
}

// Where nothing is in the way. What is sends the value the long way, from its beginning.
template <class T>
queue_status task_channel<T>::try_push(T&& value, std::size_t lane, time_point came,
                                       std::size_t* waiting) {
  if (intake_.try_put(std::move(value), lane, came, waiting)) [[likely]]
    return queue_status::success;
  // NOLINTNEXTLINE(bugprone-use-after-move): left as it was, says try_put()
  return try_push_locked(std::move(value), lane, came, waiting);
}

template <class T>
[[gnu::noinline]] queue_status task_channel<T>::try_push_locked(T&& value, std::size_t lane,
                                                                time_point came,
                                                                std::size_t* waiting) {
  const lock_guard lock{mutex_};
  if (closed_) return queue_status::closed;
  collect(1, 1);
  if (full()) return queue_status::full;
  if (capacity_ >= worth_an_intake) intake_.try_allocate();
  if (!lanes_.fits_in_ring(lane) || intake_.left() > 0 || consumers_ > 0) [[unlikely]] {
    put(std::move(value), {lane, came});
  } else if (lanes_.emplace_in_ring(std::move(value), lane, came)) {
    show();
  }
  if (waiting != nullptr) *waiting = lanes_.size();
  return queue_status::success;
}

// Waits a short while until half of the places are free: a producer that is faster than the
// consumers comes back with a batch, and nobody makes a system call.
template <class T>
void task_channel<T>::look_for_room(unique_lock& lock) noexcept {
  room_.store(0, std::memory_order_relaxed);
  ++lookers_;
  const std::size_t wanted = (capacity_ + 1) / 2;
  lock.unlock();
  (void)spin_until([&] { return room_.load(std::memory_order_relaxed) >= wanted; });
  lock.lock();
  --lookers_;
}

// Sleeps until a quarter of the places is free, or granted, and then pushes in a row: one place
// after the other would cost a wake-up each, or a processor that spins. Workers do not run dry
// meanwhile; and where their tasks are long, a producer that could have a place waits a moment
// longer for it, no more.
template <class T>
void task_channel<T>::wait_for_share(unique_lock& lock, time_point deadline,
                                     const std::stop_token& stop) noexcept {
  constexpr duration moment = std::chrono::milliseconds{1};
  if (share() < 2) return;
  wait_a_moment(share_free_, lock, moment, time_, deadline,
                [&] { return closed_ || share_is_free() || stop.stop_requested(); });
}

template <class T>
template <class GoesOn>
queue_status task_channel<T>::push_while(GoesOn goes_on, T&& value, const placement& where,
                                         time_point deadline, const std::stop_token& stop) {
  // Woken under the lock: a producer between its check of `stop` and its wait cannot miss it.
  const std::stop_callback wake{stop, [this] {
                                  const lock_guard lock{mutex_};
                                  wake_producers();
                                }};
  unique_lock lock{mutex_};
  ++producers_;
  collect(1, 1);
  const bool was_full = full() && !closed_;
  if (was_full) look_for_room(lock);
  if (was_full) wait_for_share(lock, deadline, stop);
  wait_until(not_full_, lock, time_, deadline,
             [&] { return closed_ || !full() || stop.stop_requested() || !goes_on(); });
  --producers_;
  if (closed_) return queue_status::closed;
  if (full() || stop.stop_requested()) {
    made_room();  // a wake that was meant for whoever can use it is passed on
    return goes_on() ? queue_status::timeout : queue_status::full;
  }
  try {
    put(std::move(value), where);
  } catch (...) {
    made_room();  // as above
    throw;
  }
  made_room();  // one notify may stand for several free places
  return queue_status::success;
}

template <class T>
template <class PlacementOf>
std::size_t task_channel<T>::push_bulk(std::span<T> values, PlacementOf placement_of) {
  const lock_guard lock{mutex_};
  if (closed_) return 0;
  collect(values.size());
  const std::size_t count = std::min(room(), values.size());
  // Before any is moved: all or none, where all go into one lane and have no fair key.
  if (count > 0) lanes_.reserve(count, placement_of(std::as_const(values[0])));
  for (std::size_t i = 0; i < count; ++i)
    put(std::move(values[i]), placement_of(std::as_const(values[i])));
  return count;
}

template <class T>
std::expected<std::optional<T>, queue_status> task_channel<T>::push_displacing(
    T&& value, const placement& where, displace who, arrival* told) {
  const lock_guard lock{mutex_};
  if (closed_) return std::unexpected{queue_status::closed};
  collect(1);
  // Before anything is taken out: put() below cannot throw, unless the value has a fair key.
  refuse_to_overtake();
  lanes_.reserve(1, where);
  std::optional<T> victim;
  if (full()) {  // one goes for one that comes, also where the capacity was cut below the depth
    if (who == displace::lowest) {
      victim = lanes_.take_lowest_below(where.lane, told);
    } else {
      victim = lanes_.take_oldest(told);
    }
    if (!victim) return std::unexpected{queue_status::full};
  }
  put(std::move(value), where);
  return victim;
}

template <class T>
std::optional<T> task_channel<T>::pop() {
  unique_lock lock{mutex_};
  std::optional<T> value;
  while (!value) {
    ++consumers_;
    collect(0);
    wait_until(not_empty_, lock, time_, no_deadline,
               [&] { return at_its_end() || !nothing_to_take(); });
    --consumers_;
    if (at_its_end()) return std::nullopt;
    value = lanes_.take_next(time_);
  }
  made_room();
  return value;
}

template <class T>
template <class Keep>
std::expected<typename task_channel<T>::taken, queue_status> task_channel<T>::try_take(
    std::size_t more_max, std::size_t& held, Keep keep, bool* entered) {
  const lock_guard lock{mutex_};
  lane_limit* const limit = entered != nullptr && !*entered ? limit_ : nullptr;
  const struct shut_meanwhile {
    priority_lanes<T>* lanes;
    ~shut_meanwhile() {
      if (lanes != nullptr) lanes->shut(0);
    }
  } shut{limit != nullptr ? &lanes_ : nullptr};
  if (limit != nullptr) lanes_.shut(limit->shut_lanes());
  reserved_ -= held;
  held = 0;
  collect(0, -1 - static_cast<std::ptrdiff_t>(more_max));
  if (at_its_end()) return std::unexpected{queue_status::closed};
  if (nothing_to_take()) {
    made_room();
    return std::unexpected{queue_status::empty};
  }
  arrival when;
  std::optional<T> next = lanes_.take_next(time_, &when, limit, entered);
  if (next && more_max > 0) held = lanes_.take_more(when.lane, more_max, time_, keep);
  reserved_ += held;
  made_room();
  if (!next) return std::unexpected{queue_status::empty};
  return taken{std::move(*next), when, lanes_.ready()};
}

template <class T>
template <class Predicate>
std::optional<T> task_channel<T>::take_oldest_if(std::size_t lane, Predicate wanted,
                                                 arrival* told) {
  const lock_guard lock{mutex_};
  collect(0);
  if (nothing_to_take() || closed_) return std::nullopt;
  std::optional<T> value = lanes_.take_oldest_if(lane, wanted, told);
  if (value) made_room();
  return value;
}

template <class T>
template <class Predicate>
std::optional<T> task_channel<T>::take_newest_if(Predicate wanted, arrival* told) {
  const lock_guard lock{mutex_};
  collect(0);
  if (nothing_to_take()) return std::nullopt;
  std::optional<T> value = lanes_.take_newest_if(wanted, told);
  if (value) made_room();
  return value;
}

template <class T>
template <class Predicate>
std::optional<T> task_channel<T>::take_next_of_its_key(Predicate wanted, arrival* told,
                                                       bool& is_it) {
  const lock_guard lock{mutex_};
  collect(0);
  if (paused_) return std::nullopt;  // one that steps aside for what is held back can be had
  std::optional<T> value = lanes_.take_next_of_its_key(wanted, told, is_it);
  if (value) made_room();
  return value;
}

template <class T>
template <class Reserve, class Keep>
void task_channel<T>::take_all(Reserve reserve, Keep keep) {
  const lock_guard lock{mutex_};
  const struct told_at_the_end {  // also by an exception, half way
    task_channel* of;
    ~told_at_the_end() {
      of->wake_producers();
      of->made_room();
    }
  } tell{this};
  collect(capacity_);  // and grants nothing
  reserve(lanes_.size() + not_in_a_lane());
  do {
    while (!lanes_.empty()) {
      arrival when;
      T value = lanes_.take_any(time_, &when);
      keep(std::move(value), std::as_const(when));
    }
    collect(capacity_);  // what found no memory before does now
  } while (!lanes_.empty());
}

template <class T>
void task_channel<T>::pause() noexcept {
  const lock_guard lock{mutex_};
  paused_ = true;
  collect(0);
  show();
}

template <class T>
void task_channel<T>::resume() noexcept {
  const lock_guard lock{mutex_};
  paused_ = false;
  show();
  not_empty_.notify_all();
}

template <class T>
bool task_channel<T>::release(const serial_key& key, task_channel* other) {
  return unblock_in_both(other, [&](priority_lanes<T>& lanes) {
    if (&lanes == &lanes_) lanes.release(key);
    return lanes.unblock(key);
  });
}

template <class T>
bool task_channel<T>::let_go(const serial_key& key, task_channel* other) {
  return unblock_in_both(other, [&](priority_lanes<T>& lanes) {
    if (&lanes == &lanes_) lanes.let_go(key);
    return lanes.unblock_all(key);
  });
}

template <class T>
template <class Unblock>
bool task_channel<T>::unblock_in_both(task_channel* other, Unblock unblock) {
  // Under the locks, or a younger value could be taken between the release and the return of the
  // next. Nobody else holds two channels' locks at once.
  const lock_guard lock{mutex_};
  unique_lock other_lock;
  if (other != nullptr) other_lock = unique_lock{other->mutex_};
  bool any = false;
  for (task_channel* each : {this, other}) {
    if (each == nullptr || !unblock(each->lanes_)) continue;
    each->show();
    if (each->consumers_ > 0) each->not_empty_.notify_all();
    any = true;
  }
  return any;
}

template <class T>
std::size_t task_channel<T>::reserve(std::size_t count) noexcept {
  const lock_guard lock{mutex_};
  collect(count);
  const std::size_t got = closed_ ? 0 : std::min(count, room());
  reserved_ += got;
  return got;
}

template <class T>
void task_channel<T>::give_back(std::size_t count) noexcept {
  const lock_guard lock{mutex_};
  reserved_ -= count;
  if (producers_ > 0) tell_producers();
}

template <class T>
void task_channel<T>::close() noexcept {
  const lock_guard lock{mutex_};
  closed_ = true;
  collect(0);
  wake_producers();
  not_empty_.notify_all();
}

template <class T>
bool task_channel<T>::is_closed() const {
  const lock_guard lock{mutex_};
  return closed_;
}

template <class T>
void task_channel<T>::set_capacity(std::size_t capacity) {
  const lock_guard lock{mutex_};
  const std::size_t before = std::exchange(capacity_, checked(capacity));
  collect(std::max(before, capacity));
  wake_producers();
}

template <class T>
std::size_t task_channel<T>::capacity() const {
  const lock_guard lock{mutex_};
  return capacity_;
}

template <class T>
typename task_channel<T>::snapshot task_channel<T>::look() {
  const lock_guard lock{mutex_};
  collect(0);
  snapshot now{.capacity = capacity_,
               .depth = {},
               .waiting = lanes_.size(),
               .ready = lanes_.ready(),
               .reserved = reserved_,
               .producers = producers_,
               .pushed = lanes_.pushed() + passed_by_};
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    now.depth[lane] = lanes_.size(lane);
    now.oldest_of[lane] = lanes_.oldest(lane);
    now.taken[lane] = lanes_.taken(lane);
  }
  return now;
}

template <class T>
std::size_t task_channel<T>::size() const {
  const lock_guard lock{mutex_};
  return lanes_.size() + not_in_a_lane();
}

template <class T>
std::optional<std::size_t> task_channel<T>::try_ready() const {
  const unique_lock lock{mutex_, std::try_to_lock};
  if (!lock.owns_lock()) return std::nullopt;
  return lanes_.ready() + not_in_a_lane();
}

}  // namespace millpool
