// What several rounds say together.
#pragma once

#include "bench/pool/figures.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct summary {
  double median = 0;
  double spread = 0;  // (largest - smallest) / median
};

/// \param  values  at least one.
summary summarize(std::vector<double> values);

/// One run of one subject.
struct run_result {
  std::string case_id;
  std::string subject;
  unsigned round = 0;
  figures values;
};

/// Of one figure over the rounds. \return nothing if no round has it.
std::optional<summary> summary_of(const std::vector<run_result>& runs, std::string_view case_id,
                                  std::string_view subject, std::string_view figure);

}  // namespace bench
