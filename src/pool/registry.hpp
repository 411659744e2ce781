// Layer 3 · pool: which pools this process has.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <utility>

namespace millpool {

class worker_pool;

/// Thread safety  every member may be called concurrently, but start_anew().
class registry {
 public:
  /// That of this process.
  [[nodiscard]] static registry& here() noexcept;
  /// In a child of a fork, whose only thread calls this: it has none of its parent's pools.
  static void start_anew() noexcept;

  /// \throws std::bad_alloc.
  void add(worker_pool& pool, const std::string& name);
  /// Waits for those who visit it.
  void remove(const worker_pool& pool) noexcept;

  /// Empty: it is not here.
  [[nodiscard]] std::string name_of(const worker_pool& pool);

  /// Calls visit(worker_pool&, its name among all) for each for which wanted(that name) holds. It
  /// is not destroyed meanwhile; others come and go.
  template <class Wanted, class Visit>
  void visit(Wanted wanted, Visit visit) {
    std::unique_lock lock{mutex_};
    for (auto at = pools_.begin(); at != pools_.end(); ++at) {
      if (at->leaves || !wanted(std::as_const(at->name))) continue;
      ++at->visitors;
      lock.unlock();
      const struct leaves {
        registry& from;
        entry& visited;
        std::unique_lock<std::mutex>& held;
        ~leaves() {
          held.lock();
          if (--visited.visitors == 0) from.left_.notify_all();
        }
      } at_the_end{*this, *at, lock};
      visit(*at->pool, std::as_const(at->name));
    }
  }

 private:
  struct entry {
    worker_pool* pool;
    std::string name;  // no other has it
    std::size_t visitors = 0;
    bool leaves = false;  // nobody comes any more
  };

  std::mutex mutex_;  // taken when pools come and go: never where tasks pass
  std::condition_variable left_;
  std::list<entry> pools_;  // guarded by mutex_; in the order in which they came
};

}  // namespace millpool
