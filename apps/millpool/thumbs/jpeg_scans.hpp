#pragma once

#include "apps/millpool/thumbs/failure.hpp"

#include <cstdint>
#include <vector>

namespace millpool::thumbs {

/// Cuts a progressive JPEG file down to what an eighth of its size is made of: the scans of DC
/// coefficients. What is left is a JPEG file again.
/// \return truncated if the file has no end-of-image marker, damaged if its segments make no sense;
/// `file` is then of no use.
[[nodiscard]] or_failure<void> keep_dc_scans(std::vector<std::uint8_t>& file);

}  // namespace millpool::thumbs
