// Support for tests: code that must do without the kernel.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millpool::test {

/// Runs `work` in a forked child that the kernel kills at its first system call.
template <class Work>
void expect_no_system_call(Work work) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer makes calls of its own";
#endif
  constexpr int no_seccomp = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(no_seccomp);
    work();
    ::syscall(SYS_exit, 0);  // not _exit(), which is another call, and forbidden
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == no_seccomp) {
    GTEST_SKIP() << "this kernel does not let a process forbid itself system calls";
  }
  EXPECT_FALSE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it made a system call";
  EXPECT_EQ(status, 0);
}

}  // namespace millpool::test
