// Layer 3 · pool: a typed pool, one function for all its tasks.
#pragma once

#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/result_channel.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace millpool {

struct processor_options {
  pool_options pool{};
  std::size_t result_capacity = 1024;  ///< results under way or not yet popped
};

/// Values in, results out: the worker pool of the Go articles, typed.
///
///   processor<std::string, std::size_t> lengths{[](std::string s) { return s.size(); }};
///   lengths.push("four");
///   lengths.close();
///   for (auto& length : lengths.results()) print(length.value());
///
/// Bounded        push() waits while result_capacity results are under way or not popped: somebody
///                has to read results(), or to close() and let go.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
template <class Task, class Result>
class processor {
 public:
  /// \param  fn  called on the workers, concurrently, once a task.
  explicit processor(std::function<Result(Task)> fn, processor_options options = {})
      : fn_{std::make_shared<std::function<Result(Task)>>(std::move(fn))},
        results_{options.result_capacity,
                 options.pool.time != nullptr ? *options.pool.time : steady()},
        pool_{std::move(options.pool)} {}

  /// Waits for room. \return false iff the processor is closed, or the full_policy refused the
  /// task.
  [[nodiscard]] bool push(Task task, const task_options& options = {}) {
    return results_
        .submit(pool_, options,
                [fn = fn_, task = std::move(task)]() mutable { return (*fn)(std::move(task)); })
        .has_value();
  }

  /// A result for each accepted task, in the order in which they end; it ends after close().
  [[nodiscard]] result_channel<Result>& results() noexcept { return results_; }

  /// The pool behind, to steer and to watch.
  [[nodiscard]] worker_pool& pool() noexcept { return pool_; }

  /// Ends input; what was accepted still runs. Idempotent.
  void close() noexcept {
    results_.close();
    pool_.close();
  }

 private:
  std::shared_ptr<std::function<Result(Task)>> fn_;
  result_channel<Result> results_;
  worker_pool pool_;
};

}  // namespace millpool
