// Support for models: sync/futex.hpp for threads that the explorer runs. Takes src/sync/futex.cpp's
// place.
#include "millpool/sync/futex.hpp"

#include "tests/support/explore/scheduler.hpp"

namespace millpool {

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  futex_wait_until(word, expected, no_deadline);
}

void futex_wait_until(atomic<std::uint32_t>& word, std::uint32_t expected,
                      time_point steady_deadline) noexcept {
  explore::fence("futex_wait");
  // The look at the word and the sleep are one step, as in the kernel.
  if (word.load() == expected) explore::sleep_on("futex_wait", &word, steady_deadline);
}

void futex_wake(atomic<std::uint32_t>& word, int count) noexcept {
  explore::step("futex_wake", &word);
  explore::drain();
  if (explore::planted(explore::fault::futex_wakes_nobody)) return;
  explore::wake(&word, static_cast<std::size_t>(count));
}

}  // namespace millpool
