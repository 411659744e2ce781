// Layer 2 · channel: who is next. The data structure under task_channel, without its lock.
#pragma once

#include "millpool/base/assert.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/channel/fair_turns.hpp"
#include "millpool/channel/lane_limit.hpp"
#include "millpool/channel/lane_ring.hpp"
#include "millpool/channel/serial_keys.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool {

/// Lanes 0 (the highest priority) to 7.
inline constexpr std::size_t lane_count = 8;

/// How the lower lanes are kept from starving. A lane whose oldest value has waited longer than
/// `bound` is served before the higher ones; of `share` values taken, at most one is served so,
/// that a flood of old low-priority values cannot turn the order upside down under overload.
struct aging {
  duration bound = std::chrono::seconds{1};
  std::uint32_t share = 8;
};

/// Where a value goes, and with whom it shares its turns. Converts from a lane alone.
struct placement {
  placement(std::size_t into) noexcept  // NOLINT(google-explicit-constructor): most have no keys
      : lane{into} {}
  placement(std::size_t into, std::optional<millpool::serial_key> serial,
            std::optional<std::uint64_t> fair, time_point at = now,
            std::uint32_t weight = 1) noexcept
      : lane{into}, serial_key{serial}, fair_key{fair}, fair_weight{weight}, came{at} {}
  placement(std::size_t into, time_point at) noexcept : lane{into}, came{at} {}

  static constexpr time_point now = time_point::min();  ///< the channel reads its clock

  std::size_t lane;  ///< 0 (highest) to 7
  /// Of the values of one key only so many are out at once as it says.
  std::optional<millpool::serial_key> serial_key{};
  std::optional<std::uint64_t> fair_key{};  ///< the keys of a lane take turns
  std::uint32_t fair_weight = 1;            ///< turns in a row of its fair key; not 0
  time_point came = now;                    ///< what the value is old by
};

/// When a value came, and into which lane.
struct arrival {
  time_point came{};
  std::size_t lane = 0;
  std::uint64_t number = 0;  ///< among the values with keys, in the order in which they came
};

/// Values in eight lanes, first in first out in each; any value can be taken out of the middle.
///
/// A lane is a ring of values without keys, and behind it a list. Values go into the ring until one
/// with a key comes: from there on into the list, as long as any of the lane's is there.
///
/// A value whose serial key has no room steps aside when its turn comes, and is blocked until there
/// is some: then it is back at the place in its lane that its age gives it. Where a value with a
/// fair key is at the head of its lane, fair_turns says which value with a fair key has the turn:
/// so it may let one of each other key pass.
///
/// A lane can be shut: then it is passed over as if it were empty, by those who take what is next.
///
/// Invariants
///   I1  bit i of occupied_ is set <=> lane i's ring or list is not empty.
///   I2  every slot is in one lane's list, or in blocked_, or in the free list; listed counts the
///       first two.
///   I3  in a lane's list, values lie in the order in which they came: head the oldest, tail the
///       newest.
///   I4  a value with a fair key is in its lane's fair_turns <=> it is in the lane's list.
///   I6  what lies in a lane's ring came before what lies in its list, or is blocked; but for what
///       was put back, while the ring has what came meanwhile.
///   I5  where a value is blocked, its key has no room, or is held back; or at least as many other
///       values of its key as that has room for are in lists of these lanes: so somebody will
///       unblock it.
/// Thread safety  none: task_channel holds its lock around every call.
/// Complexity     O(1), but for the take_... that search, which are O(size); for blocked values
///                O(log n). Slots are allocated as the number of waiting values first reaches them,
///                and reused.
/// Exceptions     emplace: std::bad_alloc, and nothing has changed. The rest never throws, but
///                where there are serial keys: std::bad_alloc.
template <class T>
class priority_lanes {
  static_assert(std::is_nothrow_move_constructible_v<T>, "lanes move values without a way back");

 public:
  /// \param  keys  outlives this object. Null: no serial key may be used.
  explicit priority_lanes(aging rule, serial_keys* keys = nullptr) noexcept
      : aging_{rule}, keys_{keys} {}
  void set_aging(aging rule) noexcept { aging_ = rule; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size(std::size_t lane) const noexcept {
    return lanes_[lane].ring.size() + lanes_[lane].listed;
  }
  /// Without those that are blocked.
  [[nodiscard]] std::size_t ready(std::size_t lane) const noexcept {
    return size(lane) - lanes_[lane].blocked;
  }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Whether there is a value that is not blocked, in a lane that is not shut. Its key may be held,
  /// if that was not seen yet.
  [[nodiscard]] bool any_ready() const noexcept { return open() != 0; }
  /// Bit i: lane i is shut from here on.
  void shut(std::uint32_t lanes) noexcept { shut_ = lanes; }
  /// Bit i: lane i has such a value.
  [[nodiscard]] std::uint32_t occupied() const noexcept { return occupied_; }
  /// Bit i: lane i's ring has memory. If it is empty, a value fits without more.
  [[nodiscard]] std::uint32_t with_memory() const noexcept { return with_memory_; }
  [[nodiscard]] std::uint64_t pushed() const noexcept { return taken_ + size_; }  ///< values ever
  [[nodiscard]] std::size_t ready() const noexcept { return size_ - blocked_.size(); }
  /// Values ever taken out of this lane, whoever took them.
  [[nodiscard]] std::uint64_t taken(std::size_t lane) const noexcept { return taken_of_[lane]; }

  /// When the value came that has waited longest in any lane; nothing if there is none.
  [[nodiscard]] std::optional<time_point> oldest() const noexcept;
  /// The same of one lane, without those that are blocked.
  [[nodiscard]] std::optional<time_point> oldest(std::size_t lane) const noexcept {
    if ((occupied_ >> lane & 1u) == 0) return std::nullopt;
    return first_came(lane);
  }

  /// Makes room for `count` more values at `where`, so that the next `count` emplaces cannot throw.
  void reserve(std::size_t count, const placement& where);

  /// \return whether occupied() has changed.
  bool emplace(T&& value, const placement& where, time_point came);

  /// A value with a serial key that was taken, and is not to be just now, comes back to where it
  /// was among those with keys, and counts as never taken. \throws std::bad_alloc; nothing has
  /// changed.
  /// \param  number  as take_next() told it.
  void put_back(T&& value, const placement& where, std::uint64_t number);

  /// Whether a value without keys finds a slot in its lane's ring, as nearly all do.
  [[nodiscard]] bool fits_in_ring(std::size_t lane) const noexcept {
    MILLPOOL_ASSERT(lane < lane_count, "a lane is 0 (the highest) to 7");
    return lanes_[lane].listed == 0 && !lanes_[lane].ring.full();
  }
  /// As emplace(). REQUIRES: fits_in_ring(lane).
  bool emplace_in_ring(T&& value, std::size_t lane, time_point came) noexcept;

  /// Takes the next value: of the highest lane, unless aging serves a lower one. Its serial key is
  /// held from here on. \return nothing iff no value is left that is not blocked, or shut.
  /// \param  time   read only when more than one lane holds values.
  /// \param  told   set to its arrival, if not null.
  /// \param  limit  for whose lanes the caller enters it; where it cannot, it shuts them. Null: it
  ///                need not.
  /// \param  entered  set if it has; perhaps for a value that then turned out to be blocked.
  std::optional<T> take_next(const clock& time, arrival* told = nullptr,
                             lane_limit* limit = nullptr, bool* entered = nullptr);

  /// Takes up to `count` of the values that the next calls of take_next() would take now, as long
  /// as they are in `at_lane`, have no key, and aging serves no lower lane: keep(T&&, const
  /// arrival&) for each, which must not throw. \return how many.
  /// \param  time  read at most once: what ages while a batch is worked off waits for its end. So
  ///               batches are for what is done with soon, as 127 tasks of less than 1 us each are.
  template <class Keep>
  std::size_t take_more(std::size_t at_lane, std::size_t count, const clock& time, Keep keep);

  /// Takes the value that came first, of all lanes, for good: its key is not held for it. Of two
  /// that came at the same time, the one in the lower lane.
  std::optional<T> take_oldest(arrival* told = nullptr);

  /// Takes the newest value of the lowest occupied lane, if that lane is lower than `lane`. For
  /// good.
  std::optional<T> take_lowest_below(std::size_t lane, arrival* told = nullptr);

  /// Takes the oldest value of `lane` that is not blocked, if `wanted(time_point)` holds for when
  /// it came. For good.
  template <class Predicate>
  std::optional<T> take_oldest_if(std::size_t lane, Predicate wanted, arrival* told = nullptr);

  /// From here on take_next() takes the newest of a lane's values that have no key, or the oldest
  /// again.
  void serve_newest_first(bool so) noexcept { newest_first_ = so; }

  /// Takes the newest value for which `wanted(const T&)` holds and that has no serial key.
  template <class Predicate>
  std::optional<T> take_newest_if(Predicate wanted, arrival* told = nullptr);

  /// Where `wanted(const T&)` holds for a value with a serial key that is free: takes the next
  /// value of that key, which is then held. Where the key is held back: that value. O(values with
  /// keys).
  /// \param  is_it  set to whether it is that value, and not one that comes before it.
  template <class Predicate>
  std::optional<T> take_next_of_its_key(Predicate wanted, arrival* told, bool& is_it);

  /// Whether `wanted(const T&)` holds for a value, also for one that is blocked. O(size).
  template <class Predicate>
  [[nodiscard]] bool any(Predicate wanted) const;

  /// Takes the next value for good, also one that is blocked. REQUIRES: !empty().
  T take_any(const clock& time, arrival* told = nullptr);

  /// The value that was taken with this key is done with.
  void release(const serial_key& key) noexcept { keys_->release(key); }
  /// It is held back no more. For each of its channels unblock_all() follows, under their locks.
  void let_go(const serial_key& key) noexcept { keys_->let_go(key); }

  /// The key has room: its next value, if one is blocked, is not any more. \return whether there
  /// was one.
  bool unblock(const serial_key& key);
  /// The same for all that are blocked. O(values with keys, and that * log n).
  bool unblock_all(const serial_key& key);

 private:
  static constexpr std::uint32_t nil = std::numeric_limits<std::uint32_t>::max();

  struct slot {
    std::optional<T> value;
    time_point came;
    std::uint64_t number = 0;    // in the order in which values came, also where times are equal
    std::uint32_t before = nil;  // towards the head; unused in the free list
    std::uint32_t after = nil;   // towards the tail
    placement where{0};
  };
  struct alignas(cache_line_size) lane_values {  // so it is found by a shift, and in one line
    lane_ring<T> ring;
    std::uint32_t head = nil;  // of the list
    std::uint32_t tail = nil;
    std::uint32_t listed = 0;  // with those that are blocked
    std::uint32_t blocked = 0;
  };
  // In the order in which they are unblocked: by key, then the highest lane, then the oldest.
  using blocked_value = std::tuple<serial_key, std::size_t, std::uint64_t, std::uint32_t>;
  static constexpr std::size_t slots_in_block = 64;

  [[nodiscard]] slot& at(std::uint32_t index) noexcept {
    return blocks_[index / slots_in_block][index % slots_in_block];
  }
  [[nodiscard]] const slot& at(std::uint32_t index) const noexcept {
    return blocks_[index / slots_in_block][index % slots_in_block];
  }
  [[nodiscard]] std::uint32_t open() const noexcept { return occupied_ & ~shut_; }
  [[nodiscard]] std::size_t highest() const noexcept {
    return static_cast<std::size_t>(std::countr_zero(open()));
  }
  [[nodiscard]] std::size_t lowest() const noexcept { return std::bit_width(open()) - 1u; }
  [[nodiscard]] time_point first_came(std::size_t at_lane) const noexcept {
    const lane_values& of = lanes_[at_lane];
    return of.ring.empty() ? at(of.head).came : of.ring.came();
  }
  [[nodiscard]] bool goes_into_ring(const placement& where) const noexcept {
    return !where.serial_key && !where.fair_key && lanes_[where.lane].listed == 0;  // I6
  }
  void update_occupied(std::size_t at_lane) noexcept {
    const lane_values& of = lanes_[at_lane];
    if (of.ring.empty() && of.head == nil) {
      occupied_ &= ~(1u << at_lane);  // I1
    } else {
      occupied_ |= 1u << at_lane;  // I1
    }
  }
  // The lane, `from` or lower, whose oldest value came first. REQUIRES: one of them holds values.
  [[nodiscard]] std::size_t oldest_lane(std::size_t from) const noexcept;
  [[nodiscard]] std::size_t lane_to_serve(const clock& time) noexcept;
  [[nodiscard]] std::size_t takes_before_aged(std::size_t count, const clock& time) const noexcept;
  void count_takes(std::size_t count) noexcept;
  [[nodiscard]] std::uint32_t first_of(std::size_t lane) const noexcept;
  [[nodiscard]] bool try_acquire(const slot& of);
  void link_by_age(std::uint32_t index, std::uint32_t older = nil) noexcept;
  void add_turn_by_age(std::uint32_t index, const placement& where, std::uint64_t number);
  void link_behind(std::uint32_t index, std::uint32_t before) noexcept;
  void unlink(std::uint32_t index) noexcept;
  void block(std::uint32_t index);
  void unblock(typename std::pmr::set<blocked_value>::iterator which, std::uint32_t older = nil);
  void reserve_slots(std::size_t count);
  bool emplace_in_list(T&& value, const placement& where, time_point came);
  std::uint32_t fill_slot(T&& value, const placement& where, time_point came,
                          std::uint64_t number) noexcept;
  T take(std::uint32_t index, arrival* told) noexcept;
  T take_for_good(std::uint32_t index, arrival* told);
  // From a lane's ring. took_from_ring() follows.
  void took_from_ring(std::size_t at_lane, std::size_t count = 1) noexcept;
  T take_ring_first(std::size_t at_lane, arrival* told) noexcept;
  T take_ring_last(std::size_t at_lane, arrival* told) noexcept;

  std::array<lane_values, lane_count> lanes_{};
  aging aging_;
  serial_keys* keys_;
  std::uint32_t occupied_ = 0;  // I1
  std::uint32_t shut_ = 0;
  std::uint32_t with_memory_ = 0;
  std::size_t size_ = 0;
  std::uint64_t taken_ = 0;  // values ever: those pushed are not counted one by one
  std::array<std::uint64_t, lane_count> taken_of_{};  // the same, by lane
  bool newest_first_ = false;
  std::uint32_t free_ = nil;  // I2: linked by `after`
  std::uint32_t takes_since_aged_ = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::unique_ptr<slot[]>> blocks_;  // blocks never move: a slot keeps its index
  std::array<std::unique_ptr<fair_turns>, lane_count> turns_{};  // made when first needed
  std::pmr::unsynchronized_pool_resource memory_;
  std::pmr::set<blocked_value> blocked_{&memory_};
};

// -------------------------------------------------------------------------------------------------

template <class T>
void priority_lanes<T>::reserve(std::size_t count, const placement& where) {
  if (goes_into_ring(where)) {
    lanes_[where.lane].ring.reserve(count);
  } else {
    reserve_slots(count);
  }
}

template <class T>
void priority_lanes<T>::reserve_slots(std::size_t count) {
  std::size_t listed = 0;
  for (const lane_values& each : lanes_) listed += each.listed;
  while (blocks_.size() * slots_in_block - listed < count) {
    const auto first = static_cast<std::uint32_t>(blocks_.size() * slots_in_block);
    blocks_.push_back(std::make_unique<slot[]>(slots_in_block));
    for (std::uint32_t i = slots_in_block; i-- > 0;) {
      at(first + i).after = std::exchange(free_, first + i);
    }
  }
}

template <class T>
bool priority_lanes<T>::emplace(T&& value, const placement& where, time_point came) {
  MILLPOOL_ASSERT(where.lane < lane_count, "a lane is 0 (the highest) to 7");
  MILLPOOL_ASSERT(!where.serial_key || keys_ != nullptr, "this channel knows no serial keys");
  if (!goes_into_ring(where)) return emplace_in_list(std::move(value), where, came);
  lanes_[where.lane].ring.reserve(1);
  with_memory_ |= 1u << where.lane;
  return emplace_in_ring(std::move(value), where.lane, came);
}

template <class T>
bool priority_lanes<T>::emplace_in_ring(T&& value, std::size_t lane, time_point came) noexcept {
  lane_ring<T>& to = lanes_[lane].ring;
  const bool was_empty = to.empty();
  to.push(std::move(value), came);
  ++size_;
  if (was_empty) occupied_ |= 1u << lane;  // I1
  return was_empty;
}

template <class T>
bool priority_lanes<T>::emplace_in_list(T&& value, const placement& where, time_point came) {
  reserve_slots(1);
  if (where.fair_key) {  // first, since it may throw
    auto& turns = turns_[where.lane];
    if (turns == nullptr) turns = std::make_unique<fair_turns>();
    turns->add_newest(*where.fair_key, free_, where.fair_weight);
  }
  const std::uint32_t index = fill_slot(std::move(value), where, came, pushed() + 1);
  link_behind(index, lanes_[where.lane].tail);                                          // I3
  const std::uint32_t before = std::exchange(occupied_, occupied_ | 1u << where.lane);  // I1
  return occupied_ != before;
}

template <class T>
void priority_lanes<T>::put_back(T&& value, const placement& where, std::uint64_t number) {
  reserve_slots(1);
  add_turn_by_age(free_, where, number);  // first, since it may throw
  link_by_age(fill_slot(std::move(value), where, where.came, number));
  --taken_;
  --taken_of_[where.lane];
}

// The first free one. It is to be linked into its list.
template <class T>
std::uint32_t priority_lanes<T>::fill_slot(T&& value, const placement& where, time_point came,
                                           std::uint64_t number) noexcept {
  const std::uint32_t index = free_;
  slot& fresh = at(index);
  free_ = fresh.after;
  fresh.value.emplace(std::move(value));
  fresh.came = came;
  fresh.number = number;
  fresh.where = where;
  ++size_;
  ++lanes_[where.lane].listed;
  return index;
}

// \param  before  nil: it becomes the head.
template <class T>
void priority_lanes<T>::link_behind(std::uint32_t index, std::uint32_t before) noexcept {
  slot& added = at(index);
  lane_values& to = lanes_[added.where.lane];
  added.before = before;
  added.after = std::exchange(before == nil ? to.head : at(before).after, index);
  (added.after == nil ? to.tail : at(added.after).before) = index;
}

template <class T>
void priority_lanes<T>::unlink(std::uint32_t index) noexcept {
  const slot& leaving = at(index);
  const std::size_t at_lane = leaving.where.lane;
  lane_values& from = lanes_[at_lane];
  (leaving.before == nil ? from.head : at(leaving.before).after) = leaving.after;
  (leaving.after == nil ? from.tail : at(leaving.after).before) = leaving.before;
  update_occupied(at_lane);
  if (leaving.where.fair_key) turns_[at_lane]->remove(*leaving.where.fair_key, index);  // I4
}

// Into its lane's list, before all that came after it: it was there once already.
// \param  older  one that came before it, behind which to look for its place; nil: the head.
template <class T>
void priority_lanes<T>::link_by_age(std::uint32_t index, std::uint32_t older) noexcept {
  const slot& back = at(index);
  const std::size_t at_lane = back.where.lane;
  std::uint32_t next = older == nil ? lanes_[at_lane].head : at(older).after;
  while (next != nil && at(next).number < back.number) older = std::exchange(next, at(next).after);
  link_behind(index, older);
  occupied_ |= 1u << at_lane;  // I1
}

// link_by_age() follows: I4.
template <class T>
void priority_lanes<T>::add_turn_by_age(std::uint32_t index, const placement& where,
                                        std::uint64_t number) {
  if (!where.fair_key) return;
  turns_[where.lane]->add_by_age(
      *where.fair_key, index, [&](std::uint32_t other) { return at(other).number > number; },
      where.fair_weight);
}

template <class T>
void priority_lanes<T>::took_from_ring(std::size_t at_lane, std::size_t count) noexcept {
  size_ -= count;
  taken_ += count;
  taken_of_[at_lane] += count;
  lane_ring<T>& from = lanes_[at_lane].ring;
  if (!from.empty()) return;
  from.shrink();
  update_occupied(at_lane);
}

template <class T>
T priority_lanes<T>::take_ring_first(std::size_t at_lane, arrival* told) noexcept {
  lane_ring<T>& from = lanes_[at_lane].ring;
  if (told != nullptr) *told = {from.came(), at_lane};
  T value = from.take_first();
  took_from_ring(at_lane);
  return value;
}

template <class T>
T priority_lanes<T>::take_ring_last(std::size_t at_lane, arrival* told) noexcept {
  lane_ring<T>& from = lanes_[at_lane].ring;
  if (told != nullptr) *told = {from.came(from.size() - 1), at_lane};
  T value = from.take_last();
  took_from_ring(at_lane);
  return value;
}

template <class T>
T priority_lanes<T>::take(std::uint32_t index, arrival* told) noexcept {
  unlink(index);
  slot& leaving = at(index);
  if (told != nullptr) *told = {leaving.came, leaving.where.lane, leaving.number};
  --lanes_[leaving.where.lane].listed;
  --size_;
  ++taken_;
  ++taken_of_[leaving.where.lane];
  T value = std::move(*leaving.value);
  leaving.value.reset();
  leaving.after = std::exchange(free_, index);  // I2
  return value;
}

template <class T>
T priority_lanes<T>::take_for_good(std::uint32_t index, arrival* told) {
  const auto key = at(index).where.serial_key;
  T value = take(index, told);
  if (key) unblock(*key);  // I5: it may have been the one that would have unblocked the next
  return value;
}

template <class T>
bool priority_lanes<T>::try_acquire(const slot& of) {
  return !of.where.serial_key || keys_->try_acquire(*of.where.serial_key);
}

template <class T>
void priority_lanes<T>::block(std::uint32_t index) {
  const slot& waits = at(index);
  blocked_.insert({*waits.where.serial_key, waits.where.lane, waits.number, index});
  ++lanes_[waits.where.lane].blocked;
  unlink(index);
}

template <class T>
bool priority_lanes<T>::unblock(const serial_key& key) {
  const auto next = blocked_.lower_bound({key, 0, 0, 0});
  if (next == blocked_.end() || std::get<0>(*next) != key) return false;
  unblock(next);
  return true;
}

template <class T>
bool priority_lanes<T>::unblock_all(const serial_key& key) {
  auto next = blocked_.lower_bound({key, 0, 0, 0});
  bool any = false;
  std::size_t at_lane = lane_count;
  for (std::uint32_t older = nil; next != blocked_.end() && std::get<0>(*next) == key; any = true) {
    if (std::exchange(at_lane, std::get<1>(*next)) != std::get<1>(*next)) older = nil;
    const std::uint32_t index = std::get<3>(*next);
    unblock(next++, older);
    older = index;
  }
  return any;
}

template <class T>
void priority_lanes<T>::unblock(typename std::pmr::set<blocked_value>::iterator which,
                                std::uint32_t older) {
  const std::uint32_t index = std::get<3>(*which);
  add_turn_by_age(index, at(index).where, at(index).number);
  link_by_age(index, older);
  --lanes_[std::get<1>(*which)].blocked;
  blocked_.erase(which);
}

template <class T>
std::uint32_t priority_lanes<T>::first_of(std::size_t lane) const noexcept {
  const std::uint32_t head = lanes_[lane].head;
  return at(head).where.fair_key ? turns_[lane]->first() : head;
}

template <class T>
std::optional<T> priority_lanes<T>::take_next(const clock& time, arrival* told, lane_limit* limit,
                                              bool* entered) {
  while (any_ready()) {
    const std::size_t served = lane_to_serve(time);
    if (limit != nullptr && limit->limits(served) && !*entered) {
      *entered = limit->try_enter();
      if (!*entered) {  // somebody else has, just now
        shut_ |= limit->lanes();
        continue;
      }
    }
    if (!lanes_[served].ring.empty()) {
      return newest_first_ ? take_ring_last(served, told) : take_ring_first(served, told);
    }
    const std::uint32_t index = first_of(served);
    if (try_acquire(at(index))) return take(index, told);
    block(index);
  }
  return std::nullopt;
}

template <class T>
template <class Keep>
std::size_t priority_lanes<T>::take_more(std::size_t at_lane, std::size_t count, const clock& time,
                                         Keep keep) {
  // Behind a value that aging served comes one of a higher lane.
  if (!any_ready() || highest() != at_lane || newest_first_) return 0;
  lane_ring<T>& from = lanes_[at_lane].ring;
  count = takes_before_aged(std::min(count, from.size()), time);
  if (count == 0) return 0;
  count_takes(count);
  from.take_first(count, [&](T&& value, time_point came) {
    keep(std::move(value), arrival{came, at_lane});
  });
  took_from_ring(at_lane, count);
  return count;
}

template <class T>
T priority_lanes<T>::take_any(const clock& time, arrival* told) {
  // Of each key the youngest first: so each goes before those that were put in just now.
  while (!blocked_.empty()) unblock(std::prev(blocked_.end()));
  const std::size_t served = lane_to_serve(time);
  if (!lanes_[served].ring.empty()) return take_ring_first(served, told);
  return take(first_of(served), told);
}

template <class T>
std::size_t priority_lanes<T>::lane_to_serve(const clock& time) noexcept {
  count_takes(1);
  const std::size_t top = highest();
  if (top == lowest() || takes_since_aged_ < aging_.share) return top;
  const std::size_t oldest = oldest_lane(top + 1);
  if (time.now() - first_came(oldest) <= aging_.bound) return top;
  takes_since_aged_ = 0;
  return oldest;
}

// How many of the next `count` takes, as far as the highest lane's ring reaches, lane_to_serve()
// gives to that lane before it finds a lower one that has aged.
template <class T>
std::size_t priority_lanes<T>::takes_before_aged(std::size_t count,
                                                 const clock& time) const noexcept {
  if (highest() == lowest()) return count;
  const std::size_t share = aging_.share;
  const std::size_t without_a_look = share - std::min(share, takes_since_aged_ + std::size_t{1});
  if (count <= without_a_look) return count;
  const time_point oldest = first_came(oldest_lane(highest() + 1));
  return time.now() - oldest <= aging_.bound ? count : without_a_look;
}

template <class T>
void priority_lanes<T>::count_takes(std::size_t count) noexcept {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
  takes_since_aged_ = static_cast<std::uint32_t>(std::min(most, takes_since_aged_ + count));
}

template <class T>
std::size_t priority_lanes<T>::oldest_lane(std::size_t from) const noexcept {
  std::size_t oldest = lowest();
  for (std::size_t lane = oldest; lane-- > from;) {
    if ((open() >> lane & 1u) != 0 && first_came(lane) < first_came(oldest)) oldest = lane;
  }
  return oldest;
}

template <class T>
std::optional<time_point> priority_lanes<T>::oldest() const noexcept {
  std::optional<time_point> first;
  if (any_ready()) first = first_came(oldest_lane(0));
  for (const auto& [key, lane, number, index] : blocked_) {
    first = std::min(first.value_or(at(index).came), at(index).came);
  }
  return first;
}

template <class T>
std::optional<T> priority_lanes<T>::take_oldest(arrival* told) {
  if (!any_ready()) return std::nullopt;
  const std::size_t oldest = oldest_lane(0);
  if (!lanes_[oldest].ring.empty()) return take_ring_first(oldest, told);
  return take_for_good(lanes_[oldest].head, told);
}

template <class T>
std::optional<T> priority_lanes<T>::take_lowest_below(std::size_t lane, arrival* told) {
  if (!any_ready() || lowest() <= lane) return std::nullopt;
  const std::size_t low = lowest();
  const lane_values& in = lanes_[low];
  const auto is_newest = [&](std::uint32_t index) {  // I6
    return in.ring.empty() || at(index).came >= in.ring.came(in.ring.size() - 1);
  };
  if (in.tail != nil && is_newest(in.tail)) return take_for_good(in.tail, told);
  return take_ring_last(low, told);
}

template <class T>
template <class Predicate>
std::optional<T> priority_lanes<T>::take_oldest_if(std::size_t lane, Predicate wanted,
                                                   arrival* told) {
  const auto first = oldest(lane);
  if (!first || !wanted(*first)) return std::nullopt;
  if (!lanes_[lane].ring.empty()) return take_ring_first(lane, told);
  return take_for_good(lanes_[lane].head, told);
}

template <class T>
template <class Predicate>
std::optional<T> priority_lanes<T>::take_newest_if(Predicate wanted, arrival* told) {
  // The newest of each lane: where it is, and when it came.
  struct candidate {
    std::size_t lane = 0;
    std::uint32_t index = nil;  // in the list; nil: in the ring
    std::size_t place = 0;      // in the ring
    time_point came{};
  };
  std::optional<candidate> newest;
  const auto consider = [&](const candidate& found) {
    if (!newest || found.came > newest->came) newest = found;
  };
  for (std::size_t i = 0; i < lane_count; ++i) {
    const lane_values& in = lanes_[i];
    std::uint32_t index = in.tail;
    while (index != nil &&
           (at(index).where.serial_key || !wanted(std::as_const(*at(index).value)))) {
      index = at(index).before;
    }
    if (index != nil) {
      consider({i, index, 0, at(index).came});
      continue;  // I3, I6: nothing newer in this lane
    }
    std::size_t place = in.ring.size();
    while (place > 0 && !wanted(in.ring.value(place - 1))) --place;
    if (place > 0) consider({i, nil, place - 1, in.ring.came(place - 1)});
  }
  if (!newest) return std::nullopt;
  if (newest->index != nil) return take(newest->index, told);
  if (told != nullptr) *told = {newest->came, newest->lane};
  T value = lanes_[newest->lane].ring.take_at(newest->place);
  took_from_ring(newest->lane);
  return value;
}

// While a key is free, the next of its values is in a list: I5. The highest lane's oldest is it.
template <class T>
template <class Predicate>
std::optional<T> priority_lanes<T>::take_next_of_its_key(Predicate wanted, arrival* told,
                                                         bool& is_it) {
  const auto first_listed = [this](auto fits) {
    for (const lane_values& in : lanes_) {
      std::uint32_t index = in.head;
      while (index != nil && !(at(index).where.serial_key && fits(at(index)))) {
        index = at(index).after;
      }
      if (index != nil) return index;
    }
    return nil;
  };
  const auto is_wanted = [&](const slot& each) { return wanted(std::as_const(*each.value)); };
  std::uint32_t found = first_listed(is_wanted);
  auto blocked = blocked_.end();
  if (found == nil) {
    blocked = std::ranges::find_if(
        blocked_, [&](const blocked_value& each) { return is_wanted(at(std::get<3>(each))); });
    if (blocked == blocked_.end()) return std::nullopt;
    found = std::get<3>(*blocked);
  }
  const auto key = at(found).where.serial_key;
  if (keys_->holds_back(*key)) {
    if (!keys_->try_acquire_anyway(*key)) return std::nullopt;
    if (blocked != blocked_.end()) unblock(blocked);
    is_it = true;
    return take(found, told);
  }
  const std::uint32_t next =
      first_listed([&](const slot& each) { return each.where.serial_key == key; });
  if (next == nil || !keys_->try_acquire(*key)) return std::nullopt;
  is_it = next == found;
  return take(next, told);
}

template <class T>
template <class Predicate>
bool priority_lanes<T>::any(Predicate wanted) const {
  for (const lane_values& in : lanes_) {
    for (std::size_t place = 0; place < in.ring.size(); ++place) {
      if (wanted(in.ring.value(place))) return true;
    }
    for (std::uint32_t index = in.head; index != nil; index = at(index).after) {
      if (wanted(*at(index).value)) return true;
    }
  }
  return std::ranges::any_of(
      blocked_, [&](const blocked_value& each) { return wanted(*at(std::get<3>(each)).value); });
}

}  // namespace millpool
