// Layer 1 · telemetry: how long things took.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"
#include "millpool/base/clock.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace millpool {

/// False in the build that case M of `./dev bench pool` compares with, and in no other. Histograms
/// then stay empty, and short tasks are timed as rarely as the pool can do with to know how long
/// they are. What keeps its accounts (P1), and what it decides by, is there in either build.
#if defined(MILLPOOL_NO_METRICS)
inline constexpr bool metrics_are_on = false;
#else
inline constexpr bool metrics_are_on = true;
#endif

/// How a time falls into a bucket: four equal parts of every power of two of nanoseconds.
///
///   bucket   0  1  2  3 | 4  5  6  7 | 8    9      10     11     | ... | 160..163     | 164
///   holds    0  1  2  3 | 4  5  6  7 | 8-9  10-11  12-13  14-15  | ... | up to 2^42-1 | the rest
///
/// Up to 7 ns a bucket is one value. From there to 2^42 ns (73 minutes) it is at most a quarter as
/// wide as its first value. The last bucket holds all that is longer.
struct histogram_layout {
  static constexpr int range_bits = 42;
  static constexpr std::size_t overflow = 4 * (range_bits - 1);
  static constexpr std::size_t buckets = overflow + 1;

  /// \param  ns  in nanoseconds. O(1).
  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t ns) noexcept {
    if (ns < 4) return static_cast<std::size_t>(ns);
    const int power =
        static_cast<int>(std::bit_width(ns)) - 1;  // ns is in [2^power, 2^(power+1)), power >= 2
    if (power >= range_bits) return overflow;
    const std::uint64_t quarter = (ns >> (power - 2)) & 3;
    return 4 * static_cast<std::size_t>(power - 1) + static_cast<std::size_t>(quarter);
  }

  /// The shortest time that falls into `bucket`, in nanoseconds. `bucket` < buckets.
  [[nodiscard]] static constexpr std::uint64_t first_ns(std::size_t bucket) noexcept {
    if (bucket < 4) return bucket;
    const std::size_t power = bucket / 4 + 1;
    return (4 + static_cast<std::uint64_t>(bucket % 4)) << (power - 2);
  }

  /// The longest time that falls into `bucket`, in nanoseconds. `bucket` < buckets.
  [[nodiscard]] static constexpr std::uint64_t last_ns(std::size_t bucket) noexcept {
    return bucket == overflow ? std::numeric_limits<std::uint64_t>::max()
                              : first_ns(bucket + 1) - 1;
  }
};

/// What a histogram held at one moment, or several merged: a plain value.
///
/// Thread safety  as for any value. Nothing here allocates or waits; 1.3 KB.
/// Accuracy       quantile() is within 1/8 of the exact answer for times up to 73 minutes, and
///                exact up to 7 ns and at the largest time.
class histogram_snapshot {
 public:
  /// Adds what `other` holds: the same as if all of it had been recorded here. O(buckets).
  void merge(const histogram_snapshot& other) noexcept;

  /// How many times were recorded.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Their total; stays at duration::max() (292 years) when it would be more.
  [[nodiscard]] duration sum() const noexcept;
  /// The longest of them; 0 when there is none.
  [[nodiscard]] duration max() const noexcept;
  /// The total divided by the count; 0 when there is none.
  [[nodiscard]] duration mean() const noexcept;

  /// The shortest time that at least `q` of all recorded times do not exceed: by the sorted list of
  /// n times, number ceil(q * n), counting from 1. Told as the middle of its bucket, see Accuracy.
  /// \param  q  from 0 to 1.
  /// \return 0 when nothing was recorded; max() for what lies beyond 73 minutes. O(buckets).
  [[nodiscard]] duration quantile(double q) const noexcept;

  /// How many times fell into `bucket`, as histogram_layout numbers them. `bucket` < buckets.
  [[nodiscard]] std::uint64_t in_bucket(std::size_t bucket) const noexcept;

  friend bool operator==(const histogram_snapshot&, const histogram_snapshot&) = default;

 private:
  friend class histogram;

  std::array<std::uint64_t, histogram_layout::buckets> in_bucket_{};
  std::uint64_t count_ = 0;  // the sum of in_bucket_
  std::uint64_t sum_ns_ = 0;
  std::uint64_t max_ns_ = 0;
};

/// Counts times by their length, in the buckets of histogram_layout. One thread records, any reads.
///
/// Thread safety  record() by one thread at a time, the owner; snapshot() by anyone, at any time.
/// Invariants
///   I1  every cell only grows, so what one reader sees never goes back.
///   I2  sum and max cover at least the times that the buckets count.
/// Edges
///   E1  record's release store of a bucket --> snapshot's acquire load of it: the reader that
///       counts a time also sees its share of sum and max (I2).
/// Cost           three cells written by plain loads and stores; no allocation, no wait; 1.3 KB.
class alignas(cache_line_size) histogram {
 public:
  histogram() = default;
  histogram(const histogram&) = delete;
  histogram& operator=(const histogram&) = delete;

  /// Owner only. A negative time, as two clocks' readings may give, counts as 0.
  /// \param  stands_for  how many times this one counts for, where only one in so many is measured.
  void record(duration time, std::uint64_t stands_for = 1) noexcept;

  /// Anyone. O(buckets).
  [[nodiscard]] histogram_snapshot snapshot() const noexcept;

  /// Anyone. snapshot().sum(), in one load.
  [[nodiscard]] duration sum() const noexcept;

 private:
  std::array<atomic<std::uint64_t>, histogram_layout::buckets> in_bucket_{};
  atomic<std::uint64_t> sum_ns_{0};
  atomic<std::uint64_t> max_ns_{0};
};

}  // namespace millpool
