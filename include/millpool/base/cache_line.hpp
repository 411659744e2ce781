// Layer 0 · base: the unit in which cores take memory from each other.
#pragma once

#include <cstddef>

namespace millpool {

/// In bytes. A constant and not std::hardware_destructive_interference_size, whose value may change
/// with compiler flags and would then change the layout of public types.
inline constexpr std::size_t cache_line_size = 64;

}  // namespace millpool
