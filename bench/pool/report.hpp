// How a run is told: tables for people, lines for programs.
#pragma once

#include "bench/pool/catalogue.hpp"
#include "bench/pool/gates.hpp"
#include "bench/pool/statistics.hpp"

#include <string>
#include <vector>

namespace bench {

/// A row a subject that ran; those of `absent` have no equivalent and get a dash.
std::string case_table(const case_info& which, const std::vector<run_result>& runs,
                       const std::vector<std::string>& absent);

std::string gate_table(const std::vector<verdict>& verdicts);

/// Three digits that mean something, and no exponent.
std::string readable(double value);

/// One JSON object, without a newline.
std::string json_line(const run_result& run);

}  // namespace bench
