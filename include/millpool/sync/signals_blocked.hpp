// Layer 1 · sync: signals stay out of threads that are not the program's own.
#pragma once

#include <csignal>
#include <initializer_list>

namespace millpool {

/// Blocks signals on this thread for a scope. A thread started meanwhile inherits that, and so
/// signals are handled by the program's own threads (promise P15); but for those that a thread
/// brings upon itself, which must reach their handler, and the profiler's.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
      sigdelset(&all, own);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace millpool
