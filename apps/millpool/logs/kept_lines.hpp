#pragma once

#include "apps/millpool/logs/archive.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

/// Where a line is: which input, and its first byte there, after decompression.
struct line_place {
  std::uint32_t input = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const line_place&) const = default;
};

/// Keeps `most` lines: those with the smallest ranks. With ranks that are random it is a fair
/// sample, with ranks in the order of the input it is the first ones. What is kept depends on the
/// ranks alone, so not on who saw which line.
///
/// Thread safety  none. Complexity: O(1) a line that is not kept, O(log most) one that is.
template <class Rank>
class kept_lines {
 public:
  struct line {
    Rank rank;
    line_place place;
    std::string text;
  };

  explicit kept_lines(std::size_t most) : most_{most} {}

  [[nodiscard]] bool wants(const Rank& rank) const {
    return heap_.size() < most_ || (most_ > 0 && rank < heap_.front().rank);
  }
  void add(const Rank& rank, line_place place, std::string_view text) {
    if (!wants(rank)) return;
    if (heap_.size() == most_) {
      std::pop_heap(heap_.begin(), heap_.end(), by_rank);
      heap_.pop_back();
    }
    heap_.push_back({rank, place, std::string{text}});
    std::push_heap(heap_.begin(), heap_.end(), by_rank);
  }
  void merge(const kept_lines& other) {
    for (const line& each : other.heap_) add(each.rank, each.place, each.text);
  }

  /// A copy, by rank.
  [[nodiscard]] std::vector<line> lines() const {
    auto sorted = heap_;
    std::sort_heap(sorted.begin(), sorted.end(), by_rank);
    return sorted;
  }

 private:
  [[nodiscard]] static bool by_rank(const line& a, const line& b) { return a.rank < b.rank; }

  std::size_t most_;
  std::vector<line> heap_;  // the line of the greatest rank, which goes next, is the first
};

}  // namespace millpool::logs
