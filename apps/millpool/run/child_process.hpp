#pragma once

#include "apps/support/unique_fd.hpp"
#include "millpool/base/clock.hpp"

#include <expected>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <system_error>

namespace millpool::run {

/// What a child starts with. All descriptors of ours are close-on-exec, so it gets these three
/// alone.
struct child_setup {
  const char* path = nullptr;  ///< the file to execute
  char** argv = nullptr;       ///< argv[-1] must exist: see argv_buffer
  int standard_input = 0;
  int standard_output = 1;
  int standard_error = 2;
  const sigset_t* signal_mask = nullptr;
  const rlimit* descriptors = nullptr;  ///< RLIMIT_NOFILE of the child; nullptr: ours
};

/// How a child ended.
struct child_status {
  int exit_value = 0;
  int signal = 0;  ///< that killed it, or 0
};

/// A running child that leads a process group of its own.
///
/// State     running --exits--> dead, a zombie --reap()--> gone
/// Until reap() the pid, and the group of that number, belong to this child: no other process can
/// get it, so whoever signals the group before reap() cannot hit a stranger.
class child_process {
 public:
  /// Starts it. The new process borrows our memory until it executes the program (vfork), so that
  /// nothing is copied; the calling thread waits for that moment, the others run on.
  /// Should the calling thread end before it, as when we are killed, it gets SIGTERM.
  /// Where the program cannot be executed the child says so on its standard error and exits with
  /// 127 (not found) or 126, as shells do.
  [[nodiscard]] static std::expected<child_process, std::error_code> start(
      const child_setup& setup);

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Waits until it is dead.
  void wait();
  /// Waits until it is dead or `deadline` has come. \return whether it is dead.
  [[nodiscard]] bool wait_until(time_point deadline);
  /// Takes the zombie away. It must be dead.
  /// \return how it ended, or why nobody can tell.
  [[nodiscard]] std::expected<child_status, std::error_code> reap();

  /// To every process of the group.
  void signal_group(int signal) const noexcept;
  /// Whether any process of the group still runs; zombies do not count. Reads all of /proc: for the
  /// rare case that a job has to be killed.
  [[nodiscard]] bool group_runs() const;

 private:
  explicit child_process(pid_t pid) : pid_(pid) {}
  [[nodiscard]] bool look_until(time_point deadline) const;

  pid_t pid_;
  app::unique_fd pidfd_;  // opened when a deadline is waited for
};

}  // namespace millpool::run
