#pragma once

#include "apps/support/unique_fd.hpp"

#include <string>

namespace millpool::run {

/// Processes that jobs left behind: their parents are gone, so they became ours.
///
/// A process that adopts (PR_SET_CHILD_SUBREAPER) sees every survivor, even one that left its job's
/// group. The kernel gives them to the main thread, while jobs are children of the workers that
/// started them: the main thread's children are the survivors, all of them and nothing else.
///
/// Thread safety  all members may be called concurrently.
class orphans {
 public:
  /// Begins to adopt, where the kernel lists a thread's children. Call it on the main thread.
  orphans();
  orphans(const orphans&) = delete;
  orphans& operator=(const orphans&) = delete;
  /// Ends it: whoever outlives us goes to init, as always.
  ~orphans();

  /// Takes away those that are dead. \return whether any lives, or may live where the kernel cannot
  /// tell.
  bool any_left();

 private:
  app::unique_fd children_;  // /proc/<us>/task/<main thread>/children
};

}  // namespace millpool::run
