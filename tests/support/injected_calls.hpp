// Support for tests: another kernel's system calls, or those under a filter.
#pragma once

#include "src/sync/system_calls.hpp"

namespace millpool::test {

/// Puts `table` in the place of the kernel's calls, for all threads, until its own end.
///
/// Lifetime  longer than every wait that began under it.
class injected_calls {
 public:
  explicit injected_calls(const system_calls& table) noexcept
      : table_{table}, before_{use_calls(table_)} {}
  ~injected_calls() { use_calls(before_); }
  injected_calls(const injected_calls&) = delete;
  injected_calls& operator=(const injected_calls&) = delete;

 private:
  const system_calls table_;
  const system_calls& before_;
};

/// A futex that answers `error` to whatever it is asked, as a kernel without it does.
template <long error>
long refused_futex(const void*, int, std::uint32_t, const timespec*) noexcept {
  return -error;
}

template <long error>
long refused_membarrier(int) noexcept {
  return -error;
}

}  // namespace millpool::test
