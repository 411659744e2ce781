// What the points of a dimension say together.
#pragma once

#include "bench/pool/statistics.hpp"
#include "bench/scale/dimensions.hpp"

#include <string>
#include <vector>

namespace bench {

/// Noise and all, this much is no growth.
inline constexpr double flat_up_to = 1.25;

struct growth {
  double cost;    // a task's at the last value, over that at the first
  double memory;  // the same of the peak
  [[nodiscard]] bool is_flat() const { return cost <= flat_up_to; }
};

/// \param  runs  with at least one of each end of the dimension.
growth growth_of(const dimension& along, const std::vector<run_result>& runs);

/// A row a value, and the verdict.
std::string dimension_table(const dimension& along, const std::vector<run_result>& runs);

}  // namespace bench
