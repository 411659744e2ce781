// Layer 3 · pool: a thread of the pool.
#pragma once

#include "millpool/pool/task.hpp"
#include "millpool/sync/parker.hpp"
#include "src/pool/runner.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace millpool {

/// Takes tasks from the channel and runs them until the pool is closed and empty, or until there
/// are more workers than wanted.
///
/// Lifetime  owned by crew, from before its thread starts until after it was joined; a worker that
///           is left behind at shutdown stays with the core, which its thread keeps alive.
class worker final : public runner {
 public:
  worker(pool_core& core, std::size_t index);

  /// The thread's main function. \param  core  kept alive until the thread has done with it.
  void main(std::shared_ptr<pool_core> core) noexcept;

  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  std::thread thread;            // crew's alone
  atomic<bool> finished{false};  // main() is over but for its return
  parker bed;
  worker* idle_below = nullptr;  // guarded by idle_workers' mutex

 private:
  [[nodiscard]] std::optional<queued_task> next();
  [[nodiscard]] bool sleep();

  std::size_t index_;
  std::string name_;
  bool put_off_first_ = false;  // own thread only
};

}  // namespace millpool
