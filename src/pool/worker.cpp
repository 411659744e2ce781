// One worker's life. Next stop: idle.hpp, for when it sleeps.
#include "src/pool/worker.hpp"

#include "src/pool/pool_core.hpp"

#include <pthread.h>
#include <utility>

namespace millpool {

worker::worker(pool_core& core, std::size_t index)
    : runner{core, role::worker},
      index_{index},
      name_{core.options().name + '/' + std::to_string(index)} {}

void worker::main(std::shared_ptr<pool_core> core) noexcept {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  install();
  const worker_info info{core->options().name, name_, index_};
  if (core->options().on_worker_start) core->options().on_worker_start(info);
  while (std::optional<queued_task> task = next()) run(std::move(*task));
  // What the hook refers to may be gone before a worker that was left behind.
  if (core->options().on_worker_stop && !is_left_behind()) core->options().on_worker_stop(info);
  resign();
  // release: crew's keep_counts_of() after it reads all that this thread counted.
  finished.store(true, std::memory_order_release);
}

// The next task, waiting for one; nothing when this worker is to end.
std::optional<queued_task> worker::next() {
  for (;;) {
    if (core_.workers().leave_if_surplus(*this)) return std::nullopt;
    if (!core_.paused()) {
      // In turn, so that neither what was put off nor what is in the channel starves the other.
      put_off_first_ = !put_off_first_;
      if (put_off_first_) {
        if (auto task = core_.take_put_off()) return task;
      }
      auto taken = core_.channel().try_take();
      if (taken) {
        if (taken->left > 0) core_.wake_for_work();  // idle.hpp: one wake may stand for many tasks
        return std::move(taken->value);
      }
      if (auto task = core_.take_put_off()) return task;
      // pool_core I3. What was put off and is held back by a pause is not the end yet.
      if (taken.error() == queue_status::closed && !core_.any_put_off()) return std::nullopt;
    }
    if (!sleep()) return std::nullopt;
  }
}

// Returns whether to look for work again; false: idle for too long, and not needed.
bool worker::sleep() {
  idle_workers& idle = core_.idle();
  idle.enter(*this);
  if (core_.work_visible() || core_.workers().has_surplus()) {
    if (!idle.leave(*this)) bed.park();  // a waker popped us: its token is ours to take
    return true;
  }
  const clock& time = *core_.options().time;
  const time_point until = core_.workers().above_minimum()
                               ? deadline_after(time.now(), core_.options().keep_alive)
                               : no_deadline;
  if (bed.park_until(time, until)) return true;
  if (!idle.leave(*this)) {
    bed.park();  // woken at the last moment: there is work
    return true;
  }
  return !core_.workers().leave_if_idle(*this);
}

}  // namespace millpool
