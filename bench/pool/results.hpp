// A run that is kept: written as JSON lines, read back, and shown as the table of the README.
#pragma once

#include "bench/pool/machine.hpp"
#include "bench/pool/statistics.hpp"

#include <istream>
#include <string>
#include <vector>

namespace bench {

struct saved_run {
  origin made{};
  std::vector<run_result> runs{};
};

/// The first line is the origin; then one line a run, as with --json.
std::string json_lines(const saved_run& run);

/// Reads what json_lines() writes. \throws std::runtime_error that names the line.
saved_run parse_json_lines(std::istream& in);

/// A row a case: Millpool, the best rival that a package gives, and what each holds in memory.
std::string markdown_table(const saved_run& run);

}  // namespace bench
