#pragma once

#include <mutex>
#include <signal.h>
#include <sys/types.h>
#include <vector>

namespace millpool::run {

/// The process groups that run now, one a slot: what has to be signalled when the run ends early.
///
/// Invariant  a group is listed from its start until just before its leader is reaped, so its
///            number cannot have become a stranger's.
/// Thread safety  all members may be called concurrently.
class running_jobs {
 public:
  explicit running_jobs(unsigned slots) : groups_(slots, 0) {}

  /// \return false if signal_all() came first: the caller's child must be killed by the caller.
  [[nodiscard]] bool add(unsigned slot, pid_t group) {
    const std::lock_guard lock{mutex_};
    groups_[slot] = group;
    return !killing_;
  }
  void remove(unsigned slot) {
    const std::lock_guard lock{mutex_};
    groups_[slot] = 0;
  }
  /// Signals every group that is listed. From the first call on, add() says so.
  void signal_all(int signal) {
    const std::lock_guard lock{mutex_};
    killing_ = true;
    for (const pid_t group : groups_) {
      if (group > 0) ::kill(-group, signal);
    }
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> groups_;  // guarded by mutex_; 0: none
  bool killing_ = false;       // guarded by mutex_
};

}  // namespace millpool::run
