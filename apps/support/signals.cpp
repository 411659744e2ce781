#include "apps/support/signals.hpp"

#include <cerrno>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace millpool::app {

signal_events::signal_events(std::initializer_list<int> signals) {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : signals) {
    struct sigaction inherited {};
    ::sigaction(signal, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) sigaddset(&mask, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &mask, &original_mask_);
  ::signal(SIGPIPE, SIG_IGN);
  // Whoever ignores SIGCHLD never learns how a child ended, and our parent may have passed that on.
  ::signal(SIGCHLD, SIG_DFL);
  fd_.reset(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw std::system_error(errno, std::generic_category(), "signalfd");
}

signal_events::~signal_events() { release(); }

void signal_events::release() noexcept { ::pthread_sigmask(SIG_SETMASK, &original_mask_, nullptr); }

std::optional<int> signal_events::next() noexcept {
  signalfd_siginfo info;
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info))
    return std::nullopt;
  if (when_one_comes_) when_one_comes_();
  return static_cast<int>(info.ssi_signo);
}

}  // namespace millpool::app
