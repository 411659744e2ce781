#include "src/sync/system_calls.hpp"

#include <cerrno>
#include <sys/syscall.h>
#include <unistd.h>

namespace millpool {
namespace {

long answer_of(long result) noexcept { return result == -1 ? -errno : result; }

long futex(const void* word, int operation, std::uint32_t value, const timespec* until) noexcept {
  // The last argument is the set of bits that FUTEX_WAIT_BITSET waits for: all, which is what a
  // plain wake wakes. FUTEX_WAKE does not read it.
  constexpr std::uint32_t all_bits = ~std::uint32_t{0};
  return answer_of(syscall(SYS_futex, word, operation, value, until, nullptr, all_bits));
}

long membarrier(int command) noexcept { return answer_of(syscall(SYS_membarrier, command, 0, 0)); }

}  // namespace

// Constant-initialised, both: a static object's constructor may already wait.
constinit const system_calls kernel_calls{.futex = futex, .membarrier = membarrier};
constinit std::atomic<const system_calls*> detail::calls_in_use{&kernel_calls};

}  // namespace millpool
