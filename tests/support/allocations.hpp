// Support for tests: how often a thread, or the process, allocates. Needs allocations.cpp in the
// test program.
#pragma once

#include <cstdint>

namespace millpool::test {

/// How many times the calling thread has called any form of operator new so far.
[[nodiscard]] std::uint64_t allocations_of_this_thread() noexcept;

/// The same for all threads together.
[[nodiscard]] std::uint64_t allocations_of_all_threads() noexcept;

/// How many blocks of operator new have not been given back, in the whole process.
[[nodiscard]] std::int64_t live_allocations() noexcept;

/// As long as it lives, the calling thread gets no memory from operator new, after so many more
/// times.
class no_memory {
 public:
  explicit no_memory(std::uint64_t after = 0) noexcept;
  no_memory(const no_memory&) = delete;
  no_memory& operator=(const no_memory&) = delete;
  ~no_memory();
};

}  // namespace millpool::test
