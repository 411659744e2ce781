#include "apps/millpool/logs/value_counts.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <utility>

namespace millpool::logs {
namespace {

constexpr std::size_t smallest = 256;
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

// ceil(percent / 100 * count), at least 1. In whole numbers: doubles have no 99.9, and a product
// that is a little too large would be the next rank.
[[nodiscard]] std::uint64_t rank_of(double percent, std::uint64_t count) noexcept {
  __extension__ using wide = unsigned __int128;
  constexpr double billion = 1e9;
  constexpr auto whole = static_cast<wide>(100 * billion);
  const auto billionths = static_cast<wide>(std::llround(percent * billion));
  const auto rank = static_cast<std::uint64_t>((billionths * count + whole - 1) / whole);
  return std::max<std::uint64_t>(rank, 1);
}

}  // namespace

value_counts::value_counts()
    : slots_(smallest), free_bits_{64 - static_cast<unsigned>(std::countr_zero(smallest))} {}

value_counts::key value_counts::key_of(double value) const noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);  // -0.0 becomes 0.0
  const std::uint64_t ordered = (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
  return ordered >> dropped_bits_;
}

double value_counts::value_of(key of) const noexcept {
  std::uint64_t ordered = of << dropped_bits_;
  // The middle of what fell together; but zero is zero.
  if (dropped_bits_ > 0 && ordered != sign_bit) ordered |= std::uint64_t{1} << (dropped_bits_ - 1);
  return std::bit_cast<double>((ordered & sign_bit) != 0 ? ordered & ~sign_bit : ~ordered);
}

void value_counts::put(key value, std::uint64_t times) noexcept {
  // The product's leading bits depend on all of the key's: whole numbers end in many zeros.
  std::size_t at = (value * 0x9E3779B97F4A7C15U) >> free_bits_;
  while (slots_[at].count > 0 && slots_[at].value != value) at = (at + 1) & (slots_.size() - 1);
  used_ += slots_[at].count == 0 ? 1 : 0;
  slots_[at].value = value;
  slots_[at].count += times;
}

void value_counts::add(key value, std::uint64_t times) {
  count_ += times;
  put(value, times);
  if (used_ * 2 > slots_.size()) grow();
}

void value_counts::grow() {
  if (is_exact() && used_ > most_exact) {
    drop_bits();
    return;
  }
  std::vector<slot> larger(slots_.size() * 2);
  std::swap(larger, slots_);
  --free_bits_;
  used_ = 0;
  for (const slot& each : larger) {
    if (each.count > 0) put(each.value, each.count);
  }
}

void value_counts::drop_bits() {
  std::vector<slot> fewer(slots_.size());
  std::swap(fewer, slots_);
  used_ = 0;
  dropped_bits_ = mantissa_bits_dropped;
  for (const slot& each : fewer) {
    if (each.count > 0) put(each.value >> dropped_bits_, each.count);
  }
}

void value_counts::merge(const value_counts& other) {
  if (is_exact() && !other.is_exact()) drop_bits();
  for (const slot& each : other.slots_) {
    if (each.count > 0) add(each.value >> (dropped_bits_ - other.dropped_bits_), each.count);
  }
  if (is_exact() && used_ > most_exact) drop_bits();
}

std::vector<std::optional<double>> value_counts::percentiles(
    std::span<const double> percents) const {
  std::vector<slot> sorted;
  std::copy_if(slots_.begin(), slots_.end(), std::back_inserter(sorted),
               [](const slot& each) { return each.count > 0; });
  std::sort(sorted.begin(), sorted.end(),
            [](const slot& a, const slot& b) { return a.value < b.value; });
  std::vector<std::optional<double>> out;
  for (const double percent : percents) {
    std::uint64_t left = rank_of(percent, count_);
    std::optional<double> found;
    for (const slot& each : sorted) {
      found = value_of(each.value);
      if (each.count >= left) break;
      left -= each.count;
    }
    out.push_back(found);
  }
  return out;
}

void value_counts::save(archive_writer& out) const {
  out.put(dropped_bits_);
  out.put<std::uint64_t>(used_);
  for (const slot& each : slots_) {
    if (each.count == 0) continue;
    out.put(each.value);
    out.put(each.count);
  }
}

void value_counts::load(archive_reader& in) {
  value_counts saved;
  saved.dropped_bits_ = in.get<unsigned>() > 0 ? mantissa_bits_dropped : 0;
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    const auto value = in.get<std::uint64_t>();
    saved.add(value, in.get<std::uint64_t>());
  }
  merge(saved);
}

}  // namespace millpool::logs
