// Layer 2 · channel: one worker's own tasks, which the others may take when they have none.
#pragma once

#include "millpool/base/assert.hpp"
#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/sync/asymmetric_barrier.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace millpool {

/// What became of a try to steal.
enum class steal_outcome : std::uint8_t {
  taken,
  empty,      ///< there was nothing
  lost_race,  ///< somebody else took it first: there may be more
};

/// A bounded deque of one owner, who pushes and pops at its bottom, and any number of thieves, who
/// take from its top: the owner gets the newest entry, a thief the oldest. Lock-free, and for the
/// owner a handful of plain instructions: it meets a thief only at the last entry.
///
/// State       the entries are those with numbers in [top_, bottom_), number n in slot n modulo the
///             capacity. Amid a pop, the entry number bottom_ may still be there.
/// Owners      bottom_, limit_, slots_ and the words in a slot: written by the owner alone.
///             top_: moved by whoever takes the entry there; by the owner only for the last one.
/// Invariants
///   I1  top_ only grows, by one compare-and-swap for each entry that is taken at the top.
///   I2  bottom_ - top_ <= capacity: push() writes entry n only after it saw top_ > n - capacity.
///   I3  each entry is taken once. A thief takes entry n by moving top_ on from n. The owner takes
///       it without that only if it saw top_ < n after it had stored bottom_ = n. A thief that goes
///       for n has read top_ == n, then bottom_. The barriers between let one see the other: the
///       owner sees top_ == n, and must move it as a thief would; or the thief sees bottom_ == n,
///       and finds nothing.
///   I4  a thief may read a slot while the owner writes into it, a lap later. But then the owner
///       has seen top_ > n (I2): the thief cannot move it on from n, and throws away what it read.
/// Edges
///   E1  bottom_'s store --> a thief's load of it: it sees the slots, and the words of every entry
///       below. A pop's store too, since the thief may read that one instead of the push's.
///   E2  the compare-and-swap on top_ --> the owner's load of it in make_room(): the thief has read
///       its words before they are written again.
///
/// Thread safety  push, pop: the owner alone. All else: anybody, at any time.
/// Ordering       a push happens-before the steal that takes its entry.
/// Allocation     the slots, at the first push; an empty deque is two cache lines.
/// Source         Chase and Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005); memory orders
///                after Lê, Pop, Cohen and Zappa Nardelli (PPoPP 2013), without growth, and with
///                an asymmetric barrier for their fences.
/// Checked by tests/model/work_deque_model.cpp, with store buffers.
template <class T>
class work_deque {
  static_assert(std::is_trivially_copyable_v<T>, "an entry may be copied while it is written");
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0, "an entry is kept as 64-bit words");

 public:
  /// \param  capacity  in entries; REQUIRES: a power of two.
  explicit work_deque(std::size_t capacity) noexcept : mask_{capacity - 1} {
    MILLPOOL_ASSERT(std::has_single_bit(capacity), "a deque's capacity is a power of two");
  }
  work_deque(const work_deque&) = delete;
  work_deque& operator=(const work_deque&) = delete;
  ~work_deque() = default;

  /// Owner only. Makes the slots, so that no push() throws. \throws std::bad_alloc.
  void allocate() {
    if (slots_ == nullptr) slots_ = std::make_unique_for_overwrite<slot[]>(capacity());
  }

  /// Owner only. \return false: it is full.
  /// \throws std::bad_alloc at the first push; the deque is as it was.
  [[nodiscard]] bool push(const T& entry) {
    // relaxed: the owner's own store.
    const number bottom = bottom_.load(std::memory_order_relaxed);
    if (bottom == limit_ && !make_room(bottom)) [[unlikely]]
      return false;
    slot_of(bottom).write(entry);
    // release: E1.
    bottom_.store(bottom + 1, std::memory_order_release);
    return true;
  }

  /// Owner only. Takes the newest entry into `entry`. \return false: there is none, and `entry` is
  /// what it was. An out-parameter and not an optional, which would go through the stack.
  [[nodiscard]] bool pop(T& entry) noexcept {
    // relaxed, both: the owner's own store, and top_ only grows: empty now is empty for good. So an
    // idle owner leaves the thieves' cache line, and its own, alone.
    const number last = bottom_.load(std::memory_order_relaxed) - 1;
    if (last < top_.load(std::memory_order_relaxed)) return false;
    // release: E1.
    bottom_.store(last, std::memory_order_release);
    light_barrier();  // I3
    // relaxed: below, the entry is the owner's own; else the compare-and-swap decides.
    if (top_.load(std::memory_order_relaxed) >= last && !take_last(last)) [[unlikely]]
      return false;
    slot_of(last).read(entry);  // only the owner writes there again
    return true;
  }

  /// Owner only. Takes the oldest entry, as a thief does, but needs no barrier: nobody else pops.
  [[nodiscard]] bool pop_oldest(T& entry) noexcept {
    // relaxed, both: the owner's own store, and the compare-and-swap decides.
    number top = top_.load(std::memory_order_relaxed);
    while (top < bottom_.load(std::memory_order_relaxed)) {
      if (top_.compare_exchange_weak(top, top + 1, std::memory_order_seq_cst,
                                     std::memory_order_relaxed)) {
        slot_of(top).read(entry);  // only the owner writes there again
        return true;
      }
    }
    return false;
  }

  /// Takes the oldest entry into `entry`, which is left alone unless it is taken.
  [[nodiscard]] steal_outcome steal(T& entry) noexcept {
    return steal(entry, [] { return true; });
  }
  /// The same, but empty where `allowed()` is false: it sees what the owner did before it pushed
  /// the entry, and the entry is taken only if it was still there after.
  template <class Allowed>
  [[nodiscard]] steal_outcome steal(T& entry, Allowed allowed) noexcept {
    // acquire: it is read before bottom_, and before the barrier of I3.
    number top = top_.load(std::memory_order_acquire);
    // relaxed: a first look, so that nobody pays a heavy barrier for an empty deque.
    if (top >= bottom_.load(std::memory_order_relaxed)) return steal_outcome::empty;
    heavy_barrier();  // I3
    // acquire: E1.
    if (top >= bottom_.load(std::memory_order_acquire)) return steal_outcome::empty;
    if (!allowed()) return steal_outcome::empty;
    const auto words = slot_of(top).words();  // perhaps of two entries: I4
    // seq_cst: E2 needs the release in it. The paper's proof has all of it, and on x86 it is free.
    if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
      return steal_outcome::lost_race;
    }
    entry = std::bit_cast<T>(words);
    return steal_outcome::taken;
  }

  /// Whether `wanted(const T&)` holds for an entry. REQUIRES: nobody pushes, pops or steals
  /// meanwhile.
  template <class Predicate>
  [[nodiscard]] bool any(Predicate wanted) const {
    // acquire, both: E1, and what was read before is not looked at again.
    const number end = bottom_.load(std::memory_order_acquire);
    for (number n = top_.load(std::memory_order_acquire); n < end; ++n) {
      T entry;
      slot_of(n).read(entry);
      if (wanted(std::as_const(entry))) return true;
    }
    return false;
  }

  /// An estimate. An entry that was pushed before the caller's heavy_barrier() counts, unless
  /// somebody has taken it or is about to.
  [[nodiscard]] std::size_t size() const noexcept {
    // acquire: top_ first. The other way round, entries that were pushed and taken between the two
    // loads would be subtracted without having been counted.
    const number top = top_.load(std::memory_order_acquire);
    // relaxed: nothing is read that it publishes.
    const number bottom = bottom_.load(std::memory_order_relaxed);
    return bottom > top ? static_cast<std::size_t>(bottom - top) : 0;
  }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Owner only. Whether it has fewer than `count` entries; thieves may have taken more meanwhile.
  [[nodiscard]] bool is_below(std::size_t count) const noexcept {
    // relaxed, both: the owner's own store, and a count. Whose slot is free make_room() decides.
    return bottom_.load(std::memory_order_relaxed) - top_.load(std::memory_order_relaxed) <
           static_cast<number>(count);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

 private:
  using number = std::int64_t;
  using word = std::uint64_t;
  static constexpr std::size_t word_count = sizeof(T) / sizeof(word);

  /// The words are atomic so that a thief may read them while the owner writes (I4). They go one by
  /// one through registers, never as a vector through the stack: a wide load of what was just
  /// stored in pieces waits for the store buffer, and push and pop took four times as long.
  class alignas(std::has_single_bit(sizeof(T)) ? std::min(sizeof(T), cache_line_size)
                                               : alignof(word)) slot {
   public:
    void write(const T& from) noexcept { write(reinterpret_cast<const char*>(&from), indices{}); }
    void read(T& to) const noexcept { read(reinterpret_cast<char*>(&to), indices{}); }
    [[nodiscard]] std::array<word, word_count> words() const noexcept {
      std::array<word, word_count> copy;
      read(reinterpret_cast<char*>(copy.data()), indices{});
      return copy;
    }

   private:
    using indices = std::make_index_sequence<word_count>;  // a loop would not be unrolled at -O2

    template <std::size_t... i>
    void write(const char* from, std::index_sequence<i...>) noexcept {
      // relaxed: bottom_ publishes them, E1.
      (words_[i].store(word_at(from + i * sizeof(word)), std::memory_order_relaxed), ...);
    }
    template <std::size_t... i>
    void read(char* to, std::index_sequence<i...>) const noexcept {
      // relaxed: E1 or I4.
      (put_word(to + i * sizeof(word), words_[i].load(std::memory_order_relaxed)), ...);
    }
    static word word_at(const char* from) noexcept {
      word value = 0;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
    static void put_word(char* to, word value) noexcept { std::memcpy(to, &value, sizeof value); }

    std::array<atomic<word>, word_count> words_;
  };

  [[nodiscard]] slot& slot_of(number n) const noexcept {
    return slots_[static_cast<std::size_t>(n) & mask_];
  }

  // For a push that has come to its limit. Returns false if the deque is full.
  [[gnu::noinline]] bool make_room(number bottom) {
    allocate();
    // acquire: E2.
    limit_ = top_.load(std::memory_order_acquire) + static_cast<number>(capacity());  // I2
    return bottom < limit_;
  }

  // The entry `last` was the only one, if it is still there; bottom_ says that there is none. Owner
  // and thieves take it in the same way.
  [[gnu::noinline]] bool take_last(number last) noexcept {
    number top = last;
    // seq_cst: as in steal(). relaxed on failure: a thief has it, and nothing is read.
    const bool ours = top_.compare_exchange_strong(top, last + 1, std::memory_order_seq_cst,
                                                   std::memory_order_relaxed);
    // release: E1, for the entries to come. The deque is empty, at top_ == bottom_.
    bottom_.store(last + 1, std::memory_order_release);
    return ours;
  }

  // The owner's line. A thief reads it when it looks for work; it never writes there.
  alignas(cache_line_size) atomic<number> bottom_{0};
  number limit_{0};  // a push at this number looks at top_ first
  std::unique_ptr<slot[]> slots_;
  const std::size_t mask_;  // the capacity, less one

  // The thieves' line.
  alignas(cache_line_size) atomic<number> top_{0};
};

}  // namespace millpool
