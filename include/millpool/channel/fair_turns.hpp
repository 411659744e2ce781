// Layer 2 · channel: whose turn it is among the fair keys of one lane.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory_resource>
#include <unordered_map>

namespace millpool {

/// Values by key, known by their slots: the keys take turns, a value each; within a key, first in
/// first out. So one key with a thousand values delays another one's only value by one. A key of
/// weight n has up to n turns in a row; what it does not use, for want of values, is gone.
///
/// Source         deficit round robin (Shreedhar and Varghese, 1995), all values costing the same.
/// Thread safety  none.
/// Complexity     O(1), but for add_by_age(), and remove() of a value that is neither its key's
///                oldest nor its newest.
/// Exceptions     add: std::bad_alloc, and nothing has changed. The rest never throws.
class fair_turns {
 public:
  using slot = std::uint32_t;

  /// \param  weight  the key's from here on. REQUIRES: not 0.
  void add_newest(std::uint64_t key, slot value, std::uint32_t weight = 1) {
    flow& to = flow_of(key);
    to.values.push_back(value);
    to.weight = weight;
  }
  /// Before the first of its key's values for which `is_younger(slot)` holds. O(values before it).
  /// \param  weight  the key's, if it has no other values.
  template <class IsYounger>
  void add_by_age(std::uint64_t key, slot value, IsYounger is_younger, std::uint32_t weight = 1) {
    flow& to = flow_of(key);
    to.values.insert(std::ranges::find_if(to.values, is_younger), value);
    if (to.weight == 0) to.weight = weight;
  }

  /// The value whose turn it is. REQUIRES: there is one.
  [[nodiscard]] slot first() const noexcept { return ring_.front()->values.front(); }

  /// Takes a value out. If it was the first, that was a turn: after its last the next key's come.
  void remove(std::uint64_t key, slot value) noexcept {
    const auto found = flows_.find(key);
    flow& from = found->second;
    const bool was_first = ring_.front() == &from && from.values.front() == value;
    if (from.values.back() == value) {
      from.values.pop_back();
    } else {
      from.values.erase(std::ranges::find(from.values, value));
    }
    if (from.values.empty()) {
      ring_.erase(from.place);
      flows_.erase(found);
    } else if (was_first && ++from.turns_used >= from.weight) {
      from.turns_used = 0;
      ring_.splice(ring_.end(), ring_, from.place);
    }
  }

 private:
  struct flow {
    explicit flow(std::pmr::memory_resource* memory) : values{memory} {}
    std::pmr::list<slot> values;  // the oldest first
    std::pmr::list<flow*>::iterator place{};
    std::uint32_t weight = 0;
    std::uint32_t turns_used = 0;  // in a row; whatever the weight becomes meanwhile
  };

  flow& flow_of(std::uint64_t key) {
    const auto [found, fresh] = flows_.try_emplace(key, &memory_);
    if (fresh) {
      try {
        found->second.place = ring_.insert(ring_.end(), &found->second);
      } catch (...) {
        flows_.erase(found);
        throw;
      }
    }
    return found->second;
  }

  std::pmr::unsynchronized_pool_resource memory_;
  std::pmr::unordered_map<std::uint64_t, flow> flows_{&memory_};  // those with values
  std::pmr::list<flow*> ring_{&memory_};  // the same, in the order of their turns
};

}  // namespace millpool
