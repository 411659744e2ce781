#include "millpool/sync/futex.hpp"

#include "src/sync/system_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <linux/futex.h>
#include <thread>

namespace millpool {
namespace {

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t), "the kernel reads this word");

// EAGAIN, EINTR and ETIMEDOUT all mean "look again". Anything else means that the kernel does not
// sleep for us, and would say so again at once: ENOSYS, or EPERM from a filter of system calls.
bool is_refusal(long answer) noexcept {
  return answer < 0 && answer != -EAGAIN && answer != -EINTR && answer != -ETIMEDOUT;
}

// A sleep that no wake ends: so it is short, and the caller looks again. Half a millisecond late at
// worst, and some permille of a core for each sleeper; but neither hot nor for ever.
void doze(time_point deadline) noexcept {
  constexpr std::chrono::microseconds nap{500};
  std::this_thread::sleep_until(std::min(deadline, std::chrono::steady_clock::now() + nap));
}

}  // namespace

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  futex_wait_until(word, expected, no_deadline);
}

void futex_wait_until(atomic<std::uint32_t>& word, std::uint32_t expected,
                      time_point steady_deadline) noexcept {
  const auto since_boot = steady_deadline.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  const timespec until{seconds.count(), (since_boot - seconds).count()};
  const bool limited = steady_deadline != no_deadline;
  // FUTEX_WAIT_BITSET and not FUTEX_WAIT: its time is absolute, on the monotonic clock that
  // std::chrono::steady_clock reads, so a wake for no reason costs no arithmetic.
  const long answer =
      calls().futex(&word, FUTEX_WAIT_BITSET_PRIVATE, expected, limited ? &until : nullptr);
  if (!is_refusal(answer)) return;
  // relaxed: the caller looks again, with the order that it needs.
  if (word.load(std::memory_order_relaxed) == expected) doze(steady_deadline);
}

void futex_wake(atomic<std::uint32_t>& word, int count) noexcept {
  // The answer is not read: whoever was refused a sleep dozes, and needs no wake.
  (void)calls().futex(&word, FUTEX_WAKE_PRIVATE, static_cast<std::uint32_t>(count), nullptr);
}

}  // namespace millpool
