#include "src/pool/thread_view.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <execinfo.h>
#include <fcntl.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>

namespace millpool {
namespace {

/// The one stack that is being taken in this process.
///
/// State            word                who may touch the rest
///   nobody asks    0                   nobody
///   asked          thread, asked       nobody; the asker may take its question back
///   answering      thread, answering   the handler, on that thread
///   answered       thread, answered    the asker
/// Invariants
///   I1  who asks waits for `nobody asks`; from then on the word is the asker's and the handler's,
///       until the asker makes it that again. An asker who gives up while the handler is at work
///       leaves it to the handler to do so.
///   I2  the handler does nothing but on a thread that is asked: a signal that comes late, or from
///       somebody else, is without effect.
/// Not the shim's atomics: a handler is no place for an explorer of interleavings.
/// A fork in the middle leaves the child without stacks.
struct question {
  enum phase : std::uint64_t { asked = 1, answering = 2, answered = 3, dropped = 4 };
  static constexpr std::uint64_t word(pid_t thread, phase in) noexcept {
    return static_cast<std::uint64_t>(thread) << 8U | in;
  }

  std::atomic<std::uint64_t> state{0};
  std::array<void*, 96> calls{};
  int count = 0;
  std::uintptr_t interrupted_at = 0;
};
constinit question the_question;

int stack_signal() noexcept { return SIGRTMIN + 5; }

std::uintptr_t instruction_of(const void* context) noexcept {
  [[maybe_unused]] const auto* const at = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(at->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(at->uc_mcontext.pc);
#else
  return 0;
#endif
}

// On the thread whose stack it is, wherever that is just now: so it takes no lock and no memory.
void answer(int /*signal*/, siginfo_t* /*from*/, void* context) noexcept {
  const int error = errno;
  question& here = the_question;
  const pid_t self = this_thread_id();
  std::uint64_t seen = question::word(self, question::asked);
  // acquire: the asker before this one has read the rest.
  if (here.state.compare_exchange_strong(seen, question::word(self, question::answering),
                                         std::memory_order_acquire)) {
    here.interrupted_at = instruction_of(context);
    here.count = ::backtrace(here.calls.data(), static_cast<int>(here.calls.size()));
    seen = question::word(self, question::answering);
    // release: the asker reads the rest.
    if (!here.state.compare_exchange_strong(seen, question::word(self, question::answered),
                                            std::memory_order_release)) {
      here.state.store(0, std::memory_order_release);  // I1: it was dropped
    }
  }
  errno = error;
}

bool handler_is_ours() noexcept {
  struct sigaction now {};
  return ::sigaction(stack_signal(), nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
         now.sa_sigaction == &answer;
}

/// Looks every now and then: rare, and nobody could tell.
template <class Fact>
bool await_shortly(duration& patience, Fact fact) {
  constexpr std::chrono::microseconds a_nap{100};
  const time_point begun = steady().now();
  bool is_so = fact();
  while (!is_so && steady().now() - begun < patience) {
    std::this_thread::sleep_for(a_nap);
    is_so = fact();
  }
  patience = std::max(patience - (steady().now() - begun), duration::zero());
  return is_so;
}

// Without the handler's own frames, which lie above what it interrupted.
std::vector<code_address> calls_in(const question& answered) {
  const auto end = answered.calls.begin() + answered.count;
  auto at = std::find_if(answered.calls.begin(), end, [&](const void* call) {
    return reinterpret_cast<std::uintptr_t>(call) == answered.interrupted_at;
  });
  std::vector<code_address> calls;
  calls.reserve(static_cast<std::size_t>(answered.count));
  constexpr int own = 2;
  bool is_return = at == end;
  if (is_return) at = answered.calls.begin() + std::min(own, answered.count);
  for (; at != end; ++at, is_return = true) {
    calls.push_back({reinterpret_cast<std::uintptr_t>(*at), is_return});
  }
  return calls;
}

}  // namespace

pid_t this_thread_id() noexcept { return static_cast<pid_t>(::syscall(SYS_gettid)); }

duration cpu_time_of(pid_t thread) noexcept {
  // As pthread_getcpuclockid() makes it, which needs the thread to exist.
  constexpr unsigned of_a_thread = 4;
  constexpr unsigned scheduled = 2;
  const auto clock =
      static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3U | of_a_thread | scheduled);
  timespec had{};
  if (::clock_gettime(clock, &had) != 0) return {};
  return std::chrono::seconds{had.tv_sec} + duration{had.tv_nsec};
}

bool is_runnable(pid_t thread) noexcept {
  char path[64];
  static_cast<void>(std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread));
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[128];  // the number, the name of up to 15 characters in brackets, and the state
  const ssize_t size = ::read(file, text, sizeof text);
  ::close(file);
  if (size <= 0) return false;
  const std::string_view line{text, static_cast<std::size_t>(size)};
  const std::size_t after_name = line.rfind(") ");
  return after_name != std::string_view::npos && after_name + 2 < line.size() &&
         line[after_name + 2] == 'R';
}

void prepare_stacks() noexcept {
  // The first call of backtrace() loads a library, which a handler must not.
  std::array<void*, 1> first{};
  static_cast<void>(::backtrace(first.data(), static_cast<int>(first.size())));
  struct sigaction now {};
  if (::sigaction(stack_signal(), nullptr, &now) != 0) return;
  if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return;
  struct sigaction ours {};
  ours.sa_sigaction = &answer;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&ours.sa_mask);
  ::sigaction(stack_signal(), &ours, nullptr);
}

void let_stack_be_taken() noexcept {
  if (!handler_is_ours()) return;
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, stack_signal());
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

thread_stack take_stack(pid_t thread, duration& patience) {
  if (!handler_is_ours()) return {{}, "the program uses the signal by which it is taken"};
  question& mine = the_question;
  const bool is_free = await_shortly(patience, [&] {
    std::uint64_t nobody = 0;
    // acquire: I1, the handler that was here last has done with the rest.
    return mine.state.compare_exchange_strong(nobody, question::word(thread, question::asked),
                                              std::memory_order_acq_rel);
  });
  if (!is_free) return {{}, "another one is being taken"};
  const std::uint64_t answered = question::word(thread, question::answered);
  const bool sent = ::syscall(SYS_tgkill, ::getpid(), thread, stack_signal()) == 0;
  // acquire: the handler's release.
  const auto is_answered = [&] { return mine.state.load(std::memory_order_acquire) == answered; };
  if (!sent || !await_shortly(patience, is_answered)) {
    std::uint64_t seen = question::word(thread, question::asked);
    if (mine.state.compare_exchange_strong(seen, 0)) return {{}, "the thread does not answer"};
    if (seen != answered &&
        mine.state.compare_exchange_strong(seen, question::word(thread, question::dropped))) {
      return {{}, "the thread does not answer"};
    }
    // acquire: as above, it has answered just now.
    static_cast<void>(is_answered());
  }
  try {
    thread_stack taken{calls_in(mine), {}};
    mine.state.store(0, std::memory_order_release);  // I1
    return taken;
  } catch (...) {
    mine.state.store(0, std::memory_order_release);  // I1
    throw;
  }
}

}  // namespace millpool
