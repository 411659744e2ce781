// Layer 1 · sync: sleeping on one 32-bit word.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/clock.hpp"

#include <cstdint>

namespace millpool {

/// Sleeps while `word` holds `expected`. Returns at a wake, at once if the word differs, or for no
/// reason: look at the word again.
void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;

/// The same, but no longer than until `steady_deadline`.
void futex_wait_until(atomic<std::uint32_t>& word, std::uint32_t expected,
                      time_point steady_deadline) noexcept;

/// Wakes up to `count` sleepers of `word`. The word may already be gone: the kernel only looks up
/// its address, and whoever reuses that address sees at most a wake for no reason.
void futex_wake(atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace millpool
