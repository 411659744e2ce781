#include "apps/millpool/logs/hyperloglog.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace millpool::logs {
namespace {

// Ertl's sigma and tau: what the registers at 0, and those at the top, contribute.
[[nodiscard]] double sigma(double x) noexcept {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  for (double before = -1; z != before;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

[[nodiscard]] double tau(double x) noexcept {
  if (x == 0.0 || x == 1.0) return 0.0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; z != before;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

void hyperloglog::add(std::uint64_t hash) noexcept {
  const std::uint64_t index = hash >> rank_bits;
  // The first 1 among the other bits; the marker bit ends it where there is none.
  const auto rank = static_cast<std::uint8_t>(
      std::countl_zero(hash << index_bits | std::uint64_t{1} << (index_bits - 1)) + 1);
  ranks_[index] = std::max(ranks_[index], rank);
}

double hyperloglog::estimate() const noexcept {
  std::array<double, rank_bits + 2> registers{};
  for (const std::uint8_t rank : ranks_) ++registers[rank];
  const auto all = static_cast<double>(ranks_.size());
  double z = all * tau(1 - registers[rank_bits + 1] / all);
  for (unsigned rank = rank_bits; rank >= 1; --rank) z = 0.5 * (z + registers[rank]);
  z += all * sigma(registers[0] / all);
  const double alpha = 1 / (2 * std::log(2.0));
  return alpha * all * all / z;
}

void hyperloglog::merge(const hyperloglog& other) noexcept {
  for (std::size_t i = 0; i < ranks_.size(); ++i) ranks_[i] = std::max(ranks_[i], other.ranks_[i]);
}

void hyperloglog::save(archive_writer& out) const {
  for (const std::uint8_t rank : ranks_) out.put(rank);
}

void hyperloglog::load(archive_reader& in) {
  hyperloglog saved;
  for (std::uint8_t& rank : saved.ranks_) {
    rank = std::min<std::uint8_t>(in.get<std::uint8_t>(), rank_bits + 1);
  }
  merge(saved);
}

}  // namespace millpool::logs
