// Layer 3 · pool: a value for each worker.
#pragma once

#include "millpool/base/assert.hpp"
#include "millpool/base/atomic.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace millpool {

/// One T for each thread that runs tasks of a pool: a buffer to reuse, a connection, a partial sum.
///
///   worker_local<long> sums{pool};
///   pool.post([&] { sums.get() += 1; });
///   pool.wait_idle();
///   sums.for_each([&](long sum) { total += sum; });
///
/// Lifetime       values live until the worker_local ends, also those of workers that have left.
/// Thread safety  get() by the pool's tasks, concurrently; for_each() when none of them calls get().
/// Cost           a search among the worker_locals that this thread has met; one allocation and one lock
///                at the first get() on a thread.
template <class T>
class worker_local {
 public:
  /// \param  pool  outlives this object.
  /// \param  make  makes a value, on the worker, at its first get().
  explicit worker_local(
      const worker_pool& pool, std::function<T()> make = [] { return T{}; })
      : pool_{pool}, make_{std::move(make)} {}
  worker_local(const worker_local&) = delete;
  worker_local& operator=(const worker_local&) = delete;

  /// This thread's value. REQUIRES: called by a task of the pool. \throws what `make` throws.
  [[nodiscard]] T& get() {
    void** mine = pool_.local_value(id_);
    MILLPOOL_ASSERT(mine != nullptr, "worker_local::get() is for tasks of its pool");
    if (*mine == nullptr) {
      auto made = std::make_unique<T>(make_());
      mine = pool_.local_value(id_);  // again: `make` may have used other worker_locals
      const lock_guard lock{mutex_};
      *mine = values_.emplace_back(std::move(made)).get();
    }
    return *static_cast<T*>(*mine);
  }

  /// Calls `visit(T&)` for each value made so far.
  template <class Visit>
  void for_each(Visit visit) {
    const lock_guard lock{mutex_};
    for (const auto& value : values_) visit(*value);
  }

 private:
  // Never used twice, so that a worker's memory of a worker_local that is gone does no harm.
  [[nodiscard]] static std::uint64_t next_id() noexcept {
    static atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed);  // relaxed: only to be different
  }

  const worker_pool& pool_;
  const std::uint64_t id_ = next_id();
  std::function<T()> make_;
  mutex mutex_;
  std::vector<std::unique_ptr<T>> values_;  // guarded by mutex_
};

}  // namespace millpool
