// Layer 2 · channel: which serial keys, and classes with a limit, have tasks that run.
#pragma once

#include "millpool/sync/mutex.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory_resource>
#include <unordered_map>
#include <vector>

namespace millpool {

/// What values have in common of which so many may be out at once: a user's serial key, of which
/// one may, or a class with a limit of its own.
struct serial_key {
  // NOLINTNEXTLINE(google-explicit-constructor): a user's key is a number
  serial_key(std::uint64_t number) noexcept : value{number} {}
  static constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();
  serial_key(std::uint64_t class_number, std::uint32_t most_at_once) noexcept
      : value{class_number}, most{most_at_once}, is_class{true} {}

  std::uint64_t value;
  std::uint32_t most = 1;
  bool is_class = false;

  auto operator<=>(const serial_key&) const = default;
};

/// How many values of each key are out and not done with: no more of such a key than it allows may
/// be taken, and none while it is held back. Shared by the channels of one pool.
///
/// Thread safety  every member may be called concurrently.
/// Complexity     O(keys that are held back), which are few. Memory is reused: it follows
///                the number of keys that are held at once.
class serial_keys {
 public:
  /// \return whether there was room. `key` is then held until release(), once more than before.
  [[nodiscard]] bool try_acquire(const serial_key& key) {
    const lock_guard lock{mutex_};
    return !is_held_back(key) && take_room(key);
  }
  /// The same, where it is held back, too.
  [[nodiscard]] bool try_acquire_anyway(const serial_key& key) {
    const lock_guard lock{mutex_};
    return take_room(key);
  }

  /// REQUIRES: `key` is held. Who was refused it is to be told: see task_channel::release().
  void release(const serial_key& key) noexcept {
    const lock_guard lock{mutex_};
    const auto found = held_.find(key);
    if (--found->second == 0) held_.erase(found);
  }

  /// None of this key may be taken until let_go(). What is out stays so. Idempotent, both.
  /// \throws std::bad_alloc.
  void hold_back(const serial_key& key) {
    const lock_guard lock{mutex_};
    if (!is_held_back(key)) held_back_.push_back(key);
  }
  /// Who was refused it is to be told: see task_channel::let_go().
  void let_go(const serial_key& key) noexcept {
    const lock_guard lock{mutex_};
    std::erase(held_back_, key);
  }
  [[nodiscard]] bool holds_back(const serial_key& key) const noexcept {
    const lock_guard lock{mutex_};
    return is_held_back(key);
  }

 private:
  // The next two expect mutex_ to be held.
  [[nodiscard]] bool is_held_back(const serial_key& key) const noexcept {
    return key.is_class && std::ranges::find(held_back_, key) != held_back_.end();
  }
  [[nodiscard]] bool take_room(const serial_key& key) {
    std::uint32_t& out = held_[key];
    if (out >= key.most) return false;
    ++out;
    return true;
  }

  struct hash {
    std::size_t operator()(const serial_key& key) const noexcept {
      return std::hash<std::uint64_t>{}(key.value) ^ std::size_t{key.is_class};
    }
  };
  mutable mutex mutex_;
  std::vector<serial_key> held_back_;  // guarded by mutex_, as the next two
  std::pmr::unsynchronized_pool_resource memory_;
  std::pmr::unordered_map<serial_key, std::uint32_t, hash> held_{&memory_};
};

}  // namespace millpool
