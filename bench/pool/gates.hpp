// The column "to reach" of DESIGN.md section 7, and whether a run reached it.
#pragma once

#include "bench/pool/statistics.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Whom a figure is compared with.
enum class reference {
  none,    // it is a figure at most `limit`
  best,    // at most `limit` times that of the best rival that a package gives
  serial,  // … of one thread without a pool
  go,      // … of the better Go rival
};

struct rival {
  std::string_view name;
  double median;
};

/// Who of those did best in a case, by the median of that figure.
std::optional<rival> best_of(std::string_view case_id, std::string_view figure, reference among,
                             const std::vector<run_result>& runs);

struct gate {
  std::string_view case_id;
  std::string_view figure;
  reference against;
  double limit;
  double per_unit;            // the figure divided by this is in `unit`
  std::string_view unit;      // empty where the comparison is the figure
  std::string_view to_reach;  // in words
};

enum class state { met, not_met, not_measured };

struct verdict {
  gate asked;
  std::string measured;  // also of a Go rival that was faster still
  state reached;
};

std::span<const gate> all_gates();

/// Each gate whose case is in `case_ids`, by the medians.
std::vector<verdict> judge(std::span<const gate> gates, const std::vector<std::string>& case_ids,
                           const std::vector<run_result>& runs);

}  // namespace bench
