#pragma once

#include "apps/millpool/logs/archive.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millpool::logs {

/// How often each value came, for percentiles: exact while there are at most 65,536 different
/// ones; from there on with the leading 7 bits of the mantissa, so that what percentiles() says
/// is within 0.4 % of the true value. Memory is bounded either way: by the different values, not by
/// how many there are. Whether it is exact does not depend on the order in which values come.
///
/// Thread safety  none. Complexity: add() O(1), percentiles() O(n log n).
class value_counts {
 public:
  static constexpr std::size_t most_exact = 65'536;
  static constexpr double relative_error = 1.0 / 256;

  value_counts();

  /// REQUIRES: value is finite.
  void add(double value) { add(key_of(value), 1); }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] bool is_exact() const noexcept { return dropped_bits_ == 0; }

  /// The smallest value that at least so many percent of all values are not above (the nearest
  /// rank); nothing if there are no values. In the order of `percents`, each from 0 to 100, of
  /// which nine decimals count.
  [[nodiscard]] std::vector<std::optional<double>> percentiles(
      std::span<const double> percents) const;

  void merge(const value_counts& other);
  void save(archive_writer& out) const;
  void load(archive_reader& in);

 private:
  // A double's bits, made so that they order as the doubles do. Inexact: shifted to the right.
  using key = std::uint64_t;
  struct slot {
    key value;
    std::uint64_t count;  // 0: free
  };
  static constexpr unsigned mantissa_bits_dropped = 52 - 7;

  [[nodiscard]] key key_of(double value) const noexcept;
  [[nodiscard]] double value_of(key of) const noexcept;
  void add(key value, std::uint64_t times);
  void put(key value, std::uint64_t times) noexcept;
  void grow();
  void drop_bits();

  std::vector<slot> slots_;  // a power of two, at most half full
  unsigned free_bits_;       // of a hash, once it is a place in slots_
  std::size_t used_ = 0;
  std::uint64_t count_ = 0;
  unsigned dropped_bits_ = 0;
};

}  // namespace millpool::logs
