// Layer 3 · pool: a thread of the pool.
#pragma once

#include "millpool/channel/task_channel.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/sync/parker.hpp"
#include "src/pool/own_tasks.hpp"
#include "src/pool/runner.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace millpool {

/// Takes tasks and runs them until the pool is closed and empty, or until there are more workers
/// than wanted. It takes what it keeps itself, if nothing of a higher priority waits in the
/// channel; then from the channel, in turn with what was put off; and last what other workers keep.
///
/// Lifetime  owned by crew, from before its thread starts until after it was joined; a worker that
///           is left behind at shutdown stays with the core, which its thread keeps alive.
class worker final : public runner {
 public:
  worker(pool_core& core, std::size_t index);

  /// The thread's main function. \param  core  kept alive until the thread has done with it.
  void main(std::shared_ptr<pool_core> core) noexcept;

  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] worker_info info() const noexcept override;

  [[nodiscard]] bool keep(queued_task& task, unsigned lane, const admission& how) noexcept override;
  [[nodiscard]] std::optional<waiting_task> take_kept(const void* owner) noexcept override;
  [[nodiscard]] own_tasks* fork(const task_kind& kind, completion& half) noexcept override;
  [[nodiscard]] bool take_back(const completion& half) noexcept;

  /// A task lies in what it keeps, and then something turned out to be out of the ordinary, or
  /// somebody not to be at work. \param  of_half  it is half of a join().
  void look_again(bool of_half) noexcept;

  std::thread thread;            // crew's alone
  atomic<bool> finished{false};  // main() is over but for its return
  parker bed;
  worker* idle_below = nullptr;  // guarded by idle_workers' mutex, as are the next three
  bool dozes = false;
  bool released = false;  // from the search that its waker counted it for
  int cpu = -1;           // on which it went to sleep

 private:
  void run_kept() noexcept;
  [[nodiscard]] bool may_run_on() const noexcept;
  [[nodiscard]] std::optional<waiting_task> next();
  [[nodiscard]] bool something_waits() noexcept;
  [[nodiscard]] bool search() noexcept;
  [[nodiscard]] bool stands_in_the_way() noexcept;
  [[nodiscard]] bool yield_until_something_waits() noexcept;
  [[nodiscard]] std::optional<waiting_task> take(bool& ended);
  [[nodiscard]] std::optional<waiting_task> take_next_kept(bool oldest) noexcept;
  [[nodiscard]] std::optional<waiting_task> take_from_channel(bool& ended);
  [[nodiscard]] std::expected<task_channel<queued_task>::taken, queue_status> take_one(
      std::size_t& held) noexcept;
  [[nodiscard]] std::expected<task_channel<queued_task>::taken, queue_status> take_batch(
      std::size_t more) noexcept;
  [[nodiscard]] std::optional<waiting_task> take_put_off() noexcept;
  [[nodiscard]] std::optional<waiting_task> take_kept_below(std::optional<waiting_task> newest,
                                                            const void* owner) noexcept;
  [[nodiscard]] std::optional<waiting_task> steal() noexcept;
  [[nodiscard]] std::optional<waiting_task> steal_low() noexcept;
  void begin_low_work(std::size_t lane) noexcept;
  void end_low_work() noexcept;
  void leave_low_work() noexcept;
  void go_on_from_low_work() noexcept;
  [[nodiscard]] bool has_place() noexcept;
  [[nodiscard]] bool reserve_places() noexcept;
  void give_places_back() noexcept;
  void pace() noexcept;
  [[nodiscard]] std::size_t batch_max() noexcept;
  [[nodiscard]] std::size_t share_of_places() const noexcept;
  [[nodiscard]] bool keeps_something() const noexcept {
    return kept_ != nullptr && !kept_->empty();
  }
  [[nodiscard]] bool others_are_at_it() const noexcept;
  [[nodiscard]] bool gives_way() noexcept;
  [[nodiscard]] bool is_others_turn() noexcept;
  [[nodiscard]] bool others_have_a_claim() noexcept;
  [[nodiscard]] bool keep_back(waiting_task& task) noexcept;
  [[nodiscard]] waiting_task found(waiting_task task, bool more);
  void stop_searching() noexcept;
  [[nodiscard]] bool is_one_too_many();
  [[nodiscard]] bool sit_on_the_bench();
  [[nodiscard]] bool sleep(bool lazily);
  [[nodiscard]] bool sleep_until_woken(bool lazily);
  void wake_up() noexcept;
  [[nodiscard]] duration patience() const noexcept;
  void has_been_woken() noexcept;

  std::size_t index_;
  std::string name_;
  bool put_off_first_ = false;  // own thread only, as the next
  bool searching_ = false;      // counted so by idle_workers
  bool has_searched_ = false;   // since the last task
  own_tasks* kept_ = nullptr;   // null: keeps nothing
  std::size_t held_ = 0;  // places in the channel of what it took from there in its last batch
  std::uint32_t own_turns_left_ = 0;
  std::uint32_t gave_way_ = 0;  // so often to higher priorities, since it last ran what it keeps
  time_point gave_way_since_{};
  bool oldest_first_ = false;
  bool dozed_in_vain_ = false;
  bool tasks_come_soon_ = false;     // it was woken soon, the last time
  std::uint32_t own_takes_ = 0;      // of pool_core::takes()
  std::uint32_t others_takes_ = 0;   // the rest, when this worker last went to sleep
  bool is_surplus_ = false;          // short tasks come too slowly for two
  std::size_t last_batch_ = 0;       // how many it took from the channel at once; 0 after a search
  std::size_t ran_since_woken_ = 0;  // tasks
  std::uint32_t woken_for_few_ = 0;  // so often in a row
  unsigned asked_in_vain_ = 0;       // whether it may leave, since it last woke for something
  static constexpr int first_pace = 30;
  int pace_ = first_pace;  // see pace()
};

}  // namespace millpool
