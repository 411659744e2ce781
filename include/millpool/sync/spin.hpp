// Layer 1 · sync: looking again and again for a short while, before a thread goes to sleep.
#pragma once

#include <thread>

namespace millpool {

/// Tells the processor that this thread only waits for another: some 40 ns.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

namespace detail {
inline const int spin_looks = std::thread::hardware_concurrency() > 1 ? 100 : 0;
}

/// Looks until `seen()` or until some five microseconds have passed, or `as_long` times as many:
/// about what it costs to sleep and to be woken. On a machine with one processor, where nothing can
/// happen meanwhile, it looks once. (So it does under the explorer, which has a header of its own.)
/// \return seen(), read last.
template <class Seen>
bool spin_until(Seen seen, int as_long = 1) noexcept {
  for (int i = 0; i < detail::spin_looks * as_long; ++i) {
    if (seen()) return true;
    cpu_relax();
    cpu_relax();
  }
  return seen();
}

}  // namespace millpool
