#pragma once

#include "apps/support/unique_fd.hpp"

#include <functional>
#include <initializer_list>
#include <optional>
#include <signal.h>
#include <utility>

namespace millpool::app {

/// Turns signals into readable events: they interrupt nothing, and one place decides what they
/// mean.
///
/// Construct it in main before any thread starts, so that every thread inherits the blocked mask. A
/// SIGPIPE is switched off in the whole process: a write says EPIPE instead. SIGCHLD gets its
/// default, so that children can be waited for. What our parent ignores stays ignored: so nohup
/// keeps its promise.
class signal_events {
 public:
  explicit signal_events(std::initializer_list<int> signals);
  signal_events(const signal_events&) = delete;
  signal_events& operator=(const signal_events&) = delete;
  ~signal_events();

  /// Readable while a signal waits.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// The next signal that waits. Never waits itself.
  [[nodiscard]] std::optional<int> next() noexcept;
  /// `f` is called by next() before it returns one. It must not throw.
  void when_one_comes(std::function<void()> f) { when_one_comes_ = std::move(f); }
  /// No events any more: what waits, and what comes, does to the process what it always does.
  void release() noexcept;
  /// The mask that the process was started with: children get it back.
  [[nodiscard]] const sigset_t& original_mask() const noexcept { return original_mask_; }

 private:
  sigset_t original_mask_{};
  unique_fd fd_;
  std::function<void()> when_one_comes_{};
};

}  // namespace millpool::app
