#pragma once

#include "apps/millpool/logs/archive.hpp"

#include <array>
#include <cstdint>

namespace millpool::logs {

/// About how many different values there were, in 16 KiB. The standard error is 0.81 %: two of
/// three estimates are nearer than that, nineteen of twenty nearer than twice that.
///
/// Thread safety  none.
/// Source         Flajolet et al. 2007, with the estimator of Ertl 2017 ("New cardinality
///                estimation algorithms for HyperLogLog sketches", algorithm 6), which needs no
///                correction tables.
class hyperloglog {
 public:
  static constexpr double standard_error = 0.0081;

  /// \param  hash  of a value, all of its bits good.
  void add(std::uint64_t hash) noexcept;
  [[nodiscard]] double estimate() const noexcept;

  void merge(const hyperloglog& other) noexcept;
  void save(archive_writer& out) const;
  void load(archive_reader& in);

 private:
  static constexpr unsigned index_bits = 14;
  static constexpr unsigned rank_bits = 64 - index_bits;

  std::array<std::uint8_t, std::size_t{1} << index_bits> ranks_{};
};

}  // namespace millpool::logs
