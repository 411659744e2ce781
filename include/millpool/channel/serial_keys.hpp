// Layer 2 · channel: which serial keys, and classes with a limit, have tasks that run.
#pragma once

#include "millpool/sync/mutex.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <unordered_map>

namespace millpool {

/// What values have in common of which so many may be out at once: a user's serial key, of which
/// one may, or a class with a limit of its own.
struct serial_key {
  // NOLINTNEXTLINE(google-explicit-constructor): a user's key is a number
  serial_key(std::uint64_t number) noexcept : value{number} {}
  serial_key(std::uint64_t class_number, std::uint32_t most_at_once) noexcept
      : value{class_number}, most{most_at_once}, is_class{true} {}

  std::uint64_t value;
  std::uint32_t most = 1;
  bool is_class = false;

  auto operator<=>(const serial_key&) const = default;
};

/// How many values of each key are out and not done with: no more of such a key than it allows may
/// be taken. Shared by the channels of one pool.
///
/// Thread safety  every member may be called concurrently.
/// Complexity     O(1). Memory is reused: it follows the number of keys that are held at once.
class serial_keys {
 public:
  /// \return whether there was room. `key` is then held until release(), once more than before.
  [[nodiscard]] bool try_acquire(const serial_key& key) {
    const lock_guard lock{mutex_};
    std::uint32_t& out = held_[key];
    if (out >= key.most) return false;
    ++out;
    return true;
  }

  /// REQUIRES: `key` is held. Who was refused it is to be told: see task_channel::release().
  void release(const serial_key& key) noexcept {
    const lock_guard lock{mutex_};
    const auto found = held_.find(key);
    if (--found->second == 0) held_.erase(found);
  }

 private:
  struct hash {
    std::size_t operator()(const serial_key& key) const noexcept {
      return std::hash<std::uint64_t>{}(key.value) ^ std::size_t{key.is_class};
    }
  };
  mutex mutex_;
  std::pmr::unsynchronized_pool_resource memory_;  // guarded by mutex_, as the next
  std::pmr::unordered_map<serial_key, std::uint32_t, hash> held_{&memory_};
};

}  // namespace millpool
