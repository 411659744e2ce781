// Support for models: threads that go on only when another leaves for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

// Sanitizers know each thread's stack, and the few instructions are those of x86-64. Elsewhere the
// kernel changes threads: the same runs, many times as slow.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define MILLPOOL_EXPLORE_CHANGES_STACKS 1
#else
#define MILLPOOL_EXPLORE_CHANGES_STACKS 0
#endif

namespace millpool::explore {

/// A word that one thread waits for and another gives.
class turn {
 public:
  void give() noexcept;
  void take() noexcept;

 private:
  std::atomic<std::uint32_t> given_{0};
};

/// Where a thread stands while another goes on: first, where it is made.
class standpoint {
 public:
  /// Goes on at `next`. Returns when somebody leaves for this one.
  void leave_for(standpoint& next) noexcept;

 private:
  friend class player;
#if MILLPOOL_EXPLORE_CHANGES_STACKS
  void* stack_pointer_ = nullptr;  // what else is to be kept lies there
  void* thread_pointer_ = __builtin_thread_pointer();
#else
  turn mine_;
#endif
};

class scene;

/// A thread that plays one part after the other. Where stacks are changed, a real thread lends its
/// thread-local variables and sleeps: the thread that makes the players runs them all, each on a
/// stack of its own. So nobody enters the kernel, and thread-local variables are what they are.
class player {
 public:
  /// Runs all(*this) when somebody leaves for `here` the first time. It returns once it is
  /// dismissed, if it goes on then.
  explicit player(void (*all)(player&));
  /// Stands where nothing is left to be done.
  ~player();
  player(const player&) = delete;
  player& operator=(const player&) = delete;

  [[nodiscard]] bool dismissed() const noexcept { return dismissed_; }
  /// It never goes on, and this object and its stack stay for ever.
  void leave_behind() noexcept { thread_.detach(); }

  standpoint here;
  scene* in = nullptr;
  unsigned part = 0;

 private:
  static void begin(player* self) noexcept;
  void lend() noexcept;

  void (*all_)(player&);
  bool dismissed_ = false;
#if MILLPOOL_EXPLORE_CHANGES_STACKS
  void* stack_;
  turn lent_;
  turn ends_;
#endif
  std::thread thread_;
};

/// To be called before the first player is made.
void prepare_players() noexcept;

}  // namespace millpool::explore
