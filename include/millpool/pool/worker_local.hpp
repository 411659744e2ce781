// Layer 3 · pool: a value for each worker.
#pragma once

#include "millpool/base/assert.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace millpool {

namespace detail {

/// A place among each thread's own values, that no other living object has.
///
/// Thread safety  of_this_thread() may be called concurrently.
class thread_place {
 public:
  thread_place();
  ~thread_place();
  thread_place(const thread_place&) = delete;
  thread_place& operator=(const thread_place&) = delete;

  /// The calling thread's value here, null at first. Valid until this thread asks another place.
  /// O(1).
  [[nodiscard]] void*& of_this_thread() const;

 private:
  std::size_t index_;  // reused when this object is gone
  std::uint64_t
      generation_;  // never reused: what a thread still has of an earlier owner is not ours
};

}  // namespace detail

/// One T for each thread that runs tasks of a pool: a buffer to reuse, a connection, a partial sum.
///
///   worker_local<long> sums{pool};
///   pool.post([&] { sums.get() += 1; });
///   pool.wait_idle();
///   sums.for_each([&](long sum) { total += sum; });
///
/// Lifetime       values live until the worker_local ends, also those of workers that have left.
/// Thread safety  get() by the pool's tasks, concurrently; for_each() when none of them calls
///                get().
/// Cost           get() is O(1); one allocation and one lock at the first on a thread. A thread
///                keeps two words for each of the worker_locals that ever lived at the same time.
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
    MILLPOOL_ASSERT(pool_.is_own_thread(), "worker_local::get() is for tasks of its pool");
    void* mine = place_.of_this_thread();
    if (mine == nullptr) {
      auto made = std::make_unique<T>(make_());
      const lock_guard lock{mutex_};
      mine = values_.emplace_back(std::move(made)).get();
      place_.of_this_thread() = mine;
    }
    return *static_cast<T*>(mine);
  }

  /// Calls `visit(T&)` for each value made so far.
  template <class Visit>
  void for_each(Visit visit) {
    const lock_guard lock{mutex_};
    for (const auto& value : values_) visit(*value);
  }

 private:
  const worker_pool& pool_;
  const detail::thread_place place_;
  std::function<T()> make_;
  mutex mutex_;
  std::vector<std::unique_ptr<T>> values_;  // guarded by mutex_
};

}  // namespace millpool
