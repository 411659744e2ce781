// Layer 2 · result: what has landed and was not collected yet, without a lock.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/cache_line.hpp"

#include <cstdint>
#include <utility>

namespace millpool {

/// A list that any number of threads push to, and one at a time collects from, all at once. The
/// word that holds it also says whether somebody waits for the next push, and whether anybody will
/// ever collect again: so a push is one RMW, and tells its thread all that it has to know.
///
/// State (newest_)     what it means
///   none              nothing has landed since the last collect()
///   a node            the newest that has; the others hang on it, each on the one after it
///   awaited           none, and a thread sleeps, or is about to, until there is one
///   gone              nobody will collect any more
/// Edges between the states
///   none    --await---> awaited      awaited --push----> a node
///   none    --push----> a node       a node  --push----> a node
///   a node  --collect-> none         any     --end-----> gone, where a push changes nothing
/// Owners      a node is its pusher's until the push, unless that finds `gone`; then it is in the
///             list's; then it is whose who collects it. So is its next_landed.
/// Invariants
///   I1  a node is taken out once, by the one collect() or end() that takes the list that it is on.
///   I2  for each await() that returns yes there is exactly one push that returns waiter, or the
///       end() that says so: only these leave `awaited`.
/// Edges
///   E1  push's RMW --> the collect() or end() that takes its node. Pushes in between are RMWs of
///       the same word, and pass it on.
///   E2  end's RMW --> the push that finds `gone`: it sees what was done before the end.
/// No ABA      nodes leave all together, and a push reads none of them: it hangs its own on what is
///             there when it succeeds, whether that was there all the time or came back.
/// Source      R. K. Treiber, "Systems programming: coping with parallelism", 1986: the push.
///             Checked by the tsan preset; tests/model/result_buffer_model.cpp walks the
///             interleavings.
template <class Node>
class landed_list {
 public:
  landed_list() noexcept = default;
  landed_list(const landed_list&) = delete;
  landed_list& operator=(const landed_list&) = delete;

  enum class pushed : std::uint8_t { yes, waiter, gone };

  /// Any thread. \return waiter: yes, and it is up to the caller to wake who waits; or gone: no.
  [[nodiscard]] pushed push(Node& node) noexcept {
    // acquire, here and on failure: E2.
    word seen = newest_.load(std::memory_order_acquire);
    do {
      if (seen == gone) return pushed::gone;
      node.next_landed = node_in(seen);
      // release: E1. acquire: the waiter's references, see result_buffer::arm().
    } while (!newest_.compare_exchange_weak(seen, reinterpret_cast<word>(&node),
                                            std::memory_order_acq_rel, std::memory_order_acquire));
    return seen == awaited ? pushed::waiter : pushed::yes;
  }

  // ---- one thread at a time

  /// Whether collect() would find something. Any thread.
  [[nodiscard]] bool any() const noexcept {
    // relaxed: a look; collect() takes the edge.
    return newest_.load(std::memory_order_relaxed) > gone;
  }

  /// \return what has landed, oldest first, or null. Leaves `awaited` as it is.
  [[nodiscard]] Node* collect() noexcept {
    if (!any()) return nullptr;
    // acquire: E1.
    return oldest_first(newest_.exchange(none, std::memory_order_acquire));
  }

  enum class awaiting : std::uint8_t { yes, already, landed };

  /// The next push is to wake somebody. \return landed: no, for there is something to collect.
  [[nodiscard]] awaiting await() noexcept {
    word seen = none;
    // release: what the waiter has done before is seen by who wakes it.
    if (newest_.compare_exchange_strong(seen, awaited, std::memory_order_release,
                                        std::memory_order_relaxed)) {
      return awaiting::yes;
    }
    return seen == awaited ? awaiting::already : awaiting::landed;
  }

  struct rest {
    Node* oldest;  ///< as from collect()
    bool awaited;
  };
  /// Once, at last.
  [[nodiscard]] rest end() noexcept {
    // acquire: E1. release: E2.
    const word seen = newest_.exchange(gone, std::memory_order_acq_rel);
    return {oldest_first(seen), seen == awaited};
  }

 private:
  using word = std::uintptr_t;
  static constexpr word none = 0, awaited = 1, gone = 2;  // no node lies there

  static Node* node_in(word newest) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the word is a pointer, or one of three numbers
    return newest > gone ? reinterpret_cast<Node*>(newest) : nullptr;
  }

  static Node* oldest_first(word newest) noexcept {
    Node* oldest = nullptr;
    Node* each = node_in(newest);
    while (each != nullptr) {
      Node* const next = std::exchange(each->next_landed, oldest);
      oldest = std::exchange(each, next);
    }
    return oldest;
  }

  // On a line of its own: every worker that delivers changes it.
  alignas(cache_line_size) atomic<word> newest_{none};
};

}  // namespace millpool
