// Layer 3 · pool: how long tasks waited and ran, by class and priority.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/telemetry/histogram.hpp"

#include <cstddef>

namespace millpool {

struct class_record;

/// The histograms of a pool. A runner has some of them for itself as long as it needs them, and
/// then another one goes on with the same: so none is written by two threads at once, what was
/// counted stays when its thread leaves, and there are as many as were ever in use at once.
///
/// Thread safety  every member may be called concurrently.
/// Edges
///   E1  add's release of first_  -->  for_each's acquire: the cell is whole.
///   E2  give_back's release of is_taken  -->  take's acquire: who goes on reads the last counts.
class time_cells {
 public:
  struct cell {
    cell(const class_record* of, std::size_t at) noexcept : of_class{of}, lane{at} {}

    const class_record* const of_class;  ///< null: tasks without one
    const std::size_t lane;
    histogram wait;
    histogram run;

   private:
    friend class time_cells;
    cell* next_ = nullptr;
    atomic<bool> is_taken_{true};
  };

  time_cells() = default;
  ~time_cells();
  time_cells(const time_cells&) = delete;
  time_cells& operator=(const time_cells&) = delete;

  /// For the calling thread alone, until give_back(). \return null: there is no memory for one.
  /// O(cells).
  [[nodiscard]] cell* take(const class_record* of_class, std::size_t lane) noexcept;
  static void give_back(cell& done) noexcept;

  /// Calls visit(const cell&) for each.
  template <class Visit>
  void for_each(Visit visit) const {
    // acquire: E1.
    for (const cell* at = first_.load(std::memory_order_acquire); at != nullptr; at = at->next_) {
      visit(*at);
    }
  }

 private:
  atomic<cell*> first_{nullptr};  // none ever goes
};

/// A runner's own: the few that it recorded in last.
///
/// Thread safety  none.
class own_time_cells {
 public:
  own_time_cells() = default;
  ~own_time_cells();
  own_time_cells(const own_time_cells&) = delete;
  own_time_cells& operator=(const own_time_cells&) = delete;

  /// O(1) for one that was asked for of late, else O(cells). \return as time_cells::take().
  [[nodiscard]] time_cells::cell* find(time_cells& all, const class_record* of_class,
                                       std::size_t lane) noexcept;

 private:
  static constexpr std::size_t most = 8;
  time_cells::cell* cells_[most] = {};
  std::size_t next_ = 0;  // to be given back for another
};

}  // namespace millpool
