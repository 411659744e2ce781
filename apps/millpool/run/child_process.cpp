#include "apps/millpool/run/child_process.hpp"

#include "apps/support/io.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace millpool::run {
namespace {

// In the child, between vfork and exec: our memory is the parent's, so only system calls, no
// allocation, no locks, and nothing that the parent would miss.
[[noreturn]] void become(const child_setup& setup, pid_t parent) noexcept {
  ::setpgid(0, 0);
  // Who kills us with a signal that we cannot hear would leave the job running. What is watched is
  // the thread that starts it: a worker, which waits for it. Our death may have come first.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(128 + SIGTERM);
  // Our descriptors are all above 2, so no dup2 overwrites one that is still needed.
  if (setup.standard_input != STDIN_FILENO) ::dup2(setup.standard_input, STDIN_FILENO);
  if (setup.standard_output != STDOUT_FILENO) ::dup2(setup.standard_output, STDOUT_FILENO);
  if (setup.standard_error != STDERR_FILENO) ::dup2(setup.standard_error, STDERR_FILENO);
  if (setup.descriptors != nullptr) ::setrlimit(RLIMIT_NOFILE, setup.descriptors);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &standard, nullptr);
  ::pthread_sigmask(SIG_SETMASK, setup.signal_mask, nullptr);
  ::execve(setup.path, setup.argv, environ);
  if (errno == ENOEXEC) {
    // A script without an interpreter line: as execvp, and so every shell and xargs, has it.
    char shell[] = "/bin/sh";
    char* const word = setup.argv[0];
    setup.argv[-1] = shell;
    setup.argv[0] = const_cast<char*>(setup.path);
    ::execve(shell, setup.argv - 1, environ);
    setup.argv[0] = word;  // vfork: the vector is the parent's
  }
  const int error = errno;
  const char* const reason = ::strerrordesc_np(error);
  const char* const parts[] = {"millpool run: cannot execute ", setup.path, ": ", reason, "\n"};
  for (const char* part : parts) {
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) break;
  }
  ::_exit(error == ENOENT ? 127 : 126);
}

[[nodiscard]] int pidfd_open(pid_t pid) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));  // close-on-exec by itself
}

// "pid (any name, even with ')') state ppid pgrp ...": whether it is a living member of the group.
[[nodiscard]] bool is_living_member(const std::string& stat, pid_t group) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos || stat.size() < name_end + 5) return false;
  const char state = stat[name_end + 2];
  const auto ppid = name_end + 4;
  const auto pgrp = stat.find(' ', ppid) + 1;
  pid_t value = 0;
  std::from_chars(stat.data() + pgrp, stat.data() + stat.size(), value);
  return value == group && state != 'Z' && state != 'X';
}

}  // namespace

std::expected<child_process, std::error_code> child_process::start(const child_setup& setup) {
  const pid_t parent = ::getpid();
  // NOLINTNEXTLINE(bugprone-unsafe-functions): become() is short, and the others run on.
  const pid_t pid = ::vfork();
  if (pid == 0) become(setup, parent);
  if (pid < 0) return std::unexpected(app::last_error());
  // Again here, for where vfork() is but a fork (under ThreadSanitizer): the child may not have
  // come to it yet. Where it has, and runs its program, this fails and means nothing.
  ::setpgid(pid, pid);
  return child_process{pid};
}

void child_process::wait() {
  siginfo_t info;
  // WNOWAIT leaves the zombie: see the class comment.
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
}

bool child_process::wait_until(time_point deadline) {
  if (!pidfd_) pidfd_.reset(pidfd_open(pid_));
  if (!pidfd_) return look_until(deadline);  // no descriptor is left, or the kernel is old
  for (;;) {
    const duration left = std::max(deadline - steady().now(), duration::zero());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec limit{static_cast<time_t>(whole.count()),
                         static_cast<long>((left - whole).count())};
    pollfd entry{pidfd_.get(), POLLIN, 0};
    const int ready = ::ppoll(&entry, 1, &limit, nullptr);
    if (ready > 0) return true;
    if (ready == 0) return false;
  }
}

bool child_process::look_until(time_point deadline) const {
  constexpr duration pause = std::chrono::milliseconds{10};
  for (;;) {
    siginfo_t info{};  // si_pid stays 0 while the child runs
    const int failed = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (failed != 0 ? errno != EINTR : info.si_pid != 0) return true;
    const duration left = deadline - steady().now();
    if (left <= duration::zero()) return false;
    std::this_thread::sleep_for(std::min(left, pause));
  }
}

std::expected<child_status, std::error_code> child_process::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return std::unexpected(app::last_error());
  }
  if (WIFSIGNALED(status)) return child_status{0, WTERMSIG(status)};
  return child_status{WEXITSTATUS(status), 0};
}

void child_process::signal_group(int signal) const noexcept { ::kill(-pid_, signal); }

bool child_process::group_runs() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc{::opendir("/proc"), ::closedir};
  if (!proc) return false;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this thread's own.
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const auto stat = app::read_file("/proc/" + std::string(entry->d_name) + "/stat");
    if (stat && is_living_member(*stat, pid_)) return true;
  }
  return false;
}

}  // namespace millpool::run
