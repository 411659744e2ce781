// Layer 0 · base: numbers that nobody has to foresee, and nobody has to repeat.
#pragma once

#include <cstdint>

namespace millpool {

/// 64 bits, other ones each time: for jitter and names, and no secret. Any thread; no lock.
[[nodiscard]] std::uint64_t random_bits() noexcept;

}  // namespace millpool
