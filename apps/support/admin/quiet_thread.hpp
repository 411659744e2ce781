// A thread that leaves the program's signals to its other threads.
#pragma once

#include <signal.h>
#include <thread>
#include <utility>

namespace millpool::admin {

/// \throws std::system_error.
template <class F>
[[nodiscard]] std::jthread start_without_signals(F body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const struct restores {
    const sigset_t& mask;
    ~restores() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } at_the_end{before};
  return std::jthread{std::move(body)};
}

}  // namespace millpool::admin
