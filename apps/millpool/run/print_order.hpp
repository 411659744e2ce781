#pragma once

#include "apps/millpool/run/output_spool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace millpool::run {

/// Which job is to be printed next, and what waits in the spool for its turn (-k).
///
/// Thread safety  all members may be called concurrently. None waits for a printer: the main
///                thread,
/// which announces jobs, must hear signals though nobody reads our output.
class print_order {
 public:
  /// The next job in order. Must come before the job can end.
  void expect(std::uint64_t seq) {
    const std::lock_guard lock{mutex_};
    awaited_.push_back({seq, std::nullopt});
  }
  /// Jobs that were expected and have not been printed.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return awaited_.size();
  }
  /// What waits in the spool, in bytes.
  [[nodiscard]] std::uint64_t held_bytes() const {
    const std::lock_guard lock{mutex_};
    return held_bytes_;
  }
  [[nodiscard]] bool is_next(std::uint64_t seq) const {
    const std::lock_guard lock{mutex_};
    return !awaited_.empty() && awaited_.front().seq == seq;
  }
  /// The next job has been printed.
  void advance() {
    const std::lock_guard lock{mutex_};
    awaited_.pop_front();
  }
  /// This job is in the spool. REQUIRES: it is expected.
  void hold(std::uint64_t seq, const output_spool::entry& held) {
    const std::lock_guard lock{mutex_};
    const auto by_seq = [](const awaited& a, std::uint64_t number) { return a.seq < number; };
    std::lower_bound(awaited_.begin(), awaited_.end(), seq, by_seq)->held = held;
    held_bytes_ += held.size();
  }
  /// Takes the next job if it is in the spool. \param over_gaps  skips those that are not.
  [[nodiscard]] std::optional<output_spool::entry> take_held(bool over_gaps) {
    const std::lock_guard lock{mutex_};
    while (!awaited_.empty()) {
      const auto held = awaited_.front().held;
      if (!held && !over_gaps) break;
      awaited_.pop_front();
      if (!held) continue;
      held_bytes_ -= held->size();
      return held;
    }
    return std::nullopt;
  }

 private:
  struct awaited {
    std::uint64_t seq;
    std::optional<output_spool::entry> held;
  };
  mutable std::mutex mutex_;
  std::deque<awaited> awaited_;   // guarded by mutex_; sorted by seq
  std::uint64_t held_bytes_ = 0;  // guarded by mutex_
};

}  // namespace millpool::run
