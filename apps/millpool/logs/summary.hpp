#pragma once

#include "apps/millpool/logs/archive.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

namespace millpool::logs {

/// Sum, least, greatest and mean of values, each of which is a double. The sum of whole numbers is
/// exact up to 2^127.
///
/// Thread safety  none.
class summary {
 public:
  /// REQUIRES: value is finite.
  void add(double value) noexcept {
    ++count_;
    least_ = std::min(least_, value);
    greatest_ = std::max(greatest_, value);
    constexpr double whole_limit = 9e18;
    if (value > -whole_limit && value < whole_limit) {
      const auto whole = static_cast<std::int64_t>(value);
      whole_ += whole;
      fraction_ += value - static_cast<double>(whole);
    } else {
      fraction_ += value;
    }
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// As exact as a double is. Of no values: 0.
  [[nodiscard]] double sum() const noexcept { return static_cast<double>(whole_) + fraction_; }
  /// The sum in full, if it is a whole number beyond those that doubles hold; else empty.
  [[nodiscard]] std::string large_sum() const {
    constexpr whole_sum held = static_cast<whole_sum>(1) << 53;
    if (fraction_ != 0 || (-held <= whole_ && whole_ <= held)) return {};
    std::string digits;
    for (whole_sum left = whole_; left != 0; left /= 10) {
      const auto digit = static_cast<int>(left % 10);
      digits += static_cast<char>('0' + std::abs(digit));
    }
    if (whole_ < 0) digits += '-';
    std::reverse(digits.begin(), digits.end());
    return digits;
  }
  /// REQUIRES of these three: count() > 0.
  [[nodiscard]] double least() const noexcept { return least_; }
  [[nodiscard]] double greatest() const noexcept { return greatest_; }
  [[nodiscard]] double mean() const noexcept { return sum() / static_cast<double>(count_); }

  void merge(const summary& other) noexcept {
    count_ += other.count_;
    whole_ += other.whole_;
    fraction_ += other.fraction_;
    least_ = std::min(least_, other.least_);
    greatest_ = std::max(greatest_, other.greatest_);
  }
  void save(archive_writer& out) const {
    out.put(count_);
    out.put(static_cast<std::int64_t>(whole_ >> 64));
    out.put(static_cast<std::uint64_t>(whole_));
    out.put(fraction_);
    out.put(least_);
    out.put(greatest_);
  }
  void load(archive_reader& in) {
    summary saved;
    saved.count_ = in.get<std::uint64_t>();
    const auto high = static_cast<whole_sum>(in.get<std::int64_t>());
    saved.whole_ = high * two_to_64 + static_cast<whole_sum>(in.get<std::uint64_t>());
    saved.fraction_ = in.get<double>();
    saved.least_ = in.get<double>();
    saved.greatest_ = in.get<double>();
    merge(saved);
  }

 private:
  __extension__ using whole_sum = __int128;
  static constexpr whole_sum two_to_64 = static_cast<whole_sum>(1) << 64;

  std::uint64_t count_ = 0;
  whole_sum whole_ = 0;
  double fraction_ = 0;
  double least_ = std::numeric_limits<double>::infinity();
  double greatest_ = -std::numeric_limits<double>::infinity();
};

}  // namespace millpool::logs
