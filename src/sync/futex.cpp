#include "millpool/sync/futex.hpp"

#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace millpool {
namespace {

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t), "the kernel reads this word");

void wait(atomic<std::uint32_t>& word, std::uint32_t expected, const timespec* until) noexcept {
  // FUTEX_WAIT_BITSET and not FUTEX_WAIT: its time is absolute, on the monotonic clock that
  // std::chrono::steady_clock reads, so a wake for no reason costs no arithmetic.
  // The error is not read: EAGAIN, EINTR and ETIMEDOUT all mean "look again".
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, until, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  wait(word, expected, nullptr);
}

void futex_wait_until(atomic<std::uint32_t>& word, std::uint32_t expected,
                      time_point steady_deadline) noexcept {
  if (steady_deadline == no_deadline) return futex_wait(word, expected);
  const auto since_boot = steady_deadline.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  const timespec until{seconds.count(), (since_boot - seconds).count()};
  wait(word, expected, &until);
}

void futex_wake(atomic<std::uint32_t>& word, int count) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace millpool
