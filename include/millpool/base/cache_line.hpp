// Layer 0 · base: the unit in which cores take memory from each other.
#pragma once

#include <cstddef>

namespace millpool {

/// In bytes. A constant and not std::hardware_destructive_interference_size, whose value may change
/// with compiler flags and would then change the layout of public types.
inline constexpr std::size_t cache_line_size = 64;

/// Asks for the line, to be written soon. Never faults, whatever the address.
inline void prefetch_for_write(const void* address) noexcept {
#if defined(__x86_64__)
  // The compiler's own is a plain prefetch unless it builds for a processor that has this one; the
  // others do nothing here.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

}  // namespace millpool
