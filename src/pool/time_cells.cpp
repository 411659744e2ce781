#include "src/pool/time_cells.hpp"

#include <new>
#include <utility>

namespace millpool {

time_cells::~time_cells() {
  cell* at = first_.load(std::memory_order_relaxed);  // relaxed: nobody else is here any more
  while (at != nullptr) delete std::exchange(at, at->next_);
}

time_cells::cell* time_cells::take(const class_record* of_class, std::size_t lane) noexcept {
  // acquire: E1.
  for (cell* at = first_.load(std::memory_order_acquire); at != nullptr; at = at->next_) {
    if (at->of_class != of_class || at->lane != lane) continue;
    // relaxed: a first look. acquire: E2.
    if (!at->is_taken_.load(std::memory_order_relaxed) &&
        !at->is_taken_.exchange(true, std::memory_order_acquire)) {
      return at;
    }
  }
  cell* const added = new (std::nothrow) cell{of_class, lane};
  if (added == nullptr) return nullptr;
  added->next_ = first_.load(std::memory_order_relaxed);
  // release: E1. The next ones are reached through this one, and so are whole as well.
  while (!first_.compare_exchange_weak(added->next_, added, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
  }
  return added;
}

void time_cells::give_back(cell& done) noexcept {
  done.is_taken_.store(false, std::memory_order_release);  // E2
}

own_time_cells::~own_time_cells() {
  for (time_cells::cell* const each : cells_) {
    if (each != nullptr) time_cells::give_back(*each);
  }
}

time_cells::cell* own_time_cells::find(time_cells& all, const class_record* of_class,
                                       std::size_t lane) noexcept {
  for (time_cells::cell* const each : cells_) {
    if (each != nullptr && each->of_class == of_class && each->lane == lane) return each;
  }
  time_cells::cell* const found = all.take(of_class, lane);
  if (found == nullptr) return nullptr;
  time_cells::cell*& place = cells_[next_++ % most];
  if (place != nullptr) time_cells::give_back(*place);
  place = found;
  return found;
}

}  // namespace millpool
