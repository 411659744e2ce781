// The run as a picture.
#pragma once

#include "bench/pool/catalogue.hpp"
#include "bench/pool/statistics.hpp"

#include <string>
#include <vector>

namespace bench {

/// An SVG document: a bar a subject, grouped by case, nanoseconds on a logarithmic scale.
std::string plot(const std::vector<run_result>& runs, const std::string& caption);

}  // namespace bench
