// Layer 2 · channel: which serial keys have a task that runs.
#pragma once

#include "millpool/sync/mutex.hpp"

#include <cstdint>
#include <memory_resource>
#include <unordered_set>

namespace millpool {

/// The keys of which one value is out and not done with: no other value of such a key may be taken.
/// Shared by the channels of one pool.
///
/// Thread safety  every member may be called concurrently.
/// Complexity     O(1). Memory is reused: it follows the number of keys that are held at once.
class serial_keys {
 public:
  /// \return whether `key` was free. It is then held until release().
  [[nodiscard]] bool try_acquire(std::uint64_t key) {
    const lock_guard lock{mutex_};
    return held_.insert(key).second;
  }

  /// REQUIRES: `key` is held. Who was refused it is to be told: see task_channel::release().
  void release(std::uint64_t key) noexcept {
    const lock_guard lock{mutex_};
    held_.erase(key);
  }

 private:
  mutex mutex_;
  std::pmr::unsynchronized_pool_resource memory_;          // guarded by mutex_
  std::pmr::unordered_set<std::uint64_t> held_{&memory_};  // guarded by mutex_
};

}  // namespace millpool
