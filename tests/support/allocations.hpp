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

}  // namespace millpool::test
