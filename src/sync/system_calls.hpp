// Layer 1 · sync, inside: the system calls that the library waits and fences with, as a seam: a
// test puts in their place calls that fail as those of another kernel, or under a filter, would.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace millpool {

/// Each returns at least 0, or an error as its negative number: -ENOSYS.
struct system_calls {
  long (*futex)(const void* word, int operation, std::uint32_t value,
                const timespec* until) noexcept;
  long (*membarrier)(int command) noexcept;
};

/// The kernel's own.
extern const system_calls kernel_calls;

namespace detail {
// std::atomic and not the shim of base/: it is nothing that a model would explore.
extern constinit std::atomic<const system_calls*> calls_in_use;
}  // namespace detail

/// Those in use: the kernel's, unless a test has put others there.
[[nodiscard]] inline const system_calls& calls() noexcept {
  // acquire: whoever finds a test's table finds it filled in.
  return *detail::calls_in_use.load(std::memory_order_acquire);
}

/// For tests. `table` must outlive its use. \return the table before.
inline const system_calls& use_calls(const system_calls& table) noexcept {
  // acq_rel: release for calls(), acquire because the caller may go on to call the one before.
  return *detail::calls_in_use.exchange(&table, std::memory_order_acq_rel);
}

}  // namespace millpool
