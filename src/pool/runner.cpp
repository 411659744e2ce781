#include "src/pool/runner.hpp"

#include "src/pool/pool_core.hpp"

#include <algorithm>

namespace millpool {
namespace {

// A few frames deep, a worker's submissions to its own full pool run at once, which is what a
// caller expects; deeper they are put off, so that a chain of a million such tasks needs no million
// frames.
constexpr std::size_t nesting_max = 16;

// A chain of tasks each waiting for the next is run inline to this depth; then the thread just
// waits, and a compensating worker goes on with a fresh stack. 1,000 frames need well under a
// megabyte.
constexpr std::size_t helping_max = 1000;

thread_local runner* runner_of_this_thread = nullptr;

}  // namespace

runner* runner::of(const pool_core& core) noexcept {
  runner* found = runner_of_this_thread;
  while (found != nullptr && &found->core_ != &core) found = found->outer_;
  return found;
}

void runner::install() noexcept {
  outer_ = std::exchange(runner_of_this_thread, this);
  outer_host_ = install_thread_host(this);
}

void runner::resign() noexcept {
  runner_of_this_thread = outer_;
  install_thread_host(outer_host_);
}

void runner::run(queued_task&& taken) noexcept {
  // Inside a blocking_region of another task's, this thread does not block as long as it runs this
  // one.
  const std::size_t blocks = std::exchange(block_depth_, 0);
  if (blocks > 0 && role_ == role::worker) core_.worker_unblocks();
  const auto serial_key = taken.serial_key;
  ++unsettled_;
  run_to_its_end(std::move(taken));
  --unsettled_;
  if (serial_key) core_.release_serial(*serial_key);
  if (blocks > 0 && role_ == role::worker) core_.worker_blocks();
  if (blocks > 0) doing_.store(activity::blocked, std::memory_order_relaxed);
  block_depth_ = blocks;
}

void runner::run_to_its_end(queued_task&& taken) noexcept {
  queued_task task{std::move(taken)};
  const clock& time = *core_.options().time;
  const time_point start = time.now();
  frame here;
  if (const auto verdict = begin(here, task, start)) {
    count(*verdict, task.of_class);
    core_.report_end(task.of_class, *verdict, start - task.submitted, {});
    return core_.end_unstarted(std::move(task), *verdict);
  }

  task_state state = task_state::succeeded;
  std::exception_ptr error;
  {
    const time_point until = std::min(task.deadline, deadline_after(start, task.timeout));
    task_context context{task.stop_token, core_.cancelling(), time, until, task.attempt};
    try {
      task.body(context);
    } catch (const task_stopped&) {
      state = task_state::cancelled;
    } catch (...) {
      state = task_state::failed;
      error = std::current_exception();
    }
  }
  task.body.reset();  // P2: before anybody can see the result

  if (!end(here)) return;  // shutdown has given up on this task: its end is told already
  cells_.wait.record(start - task.submitted);
  const duration ran = time.now() - start;
  cells_.run.record(ran);
  count(state, here.of_class);
  core_.report_end(here.of_class, state, start - task.submitted, ran);
  deliver(here, state, std::move(error));
  core_.settle();
}

// Pushes a frame for `task`, unless it must not start: then says how it ends.
std::optional<task_state> runner::begin(frame& here, queued_task& task, time_point now) {
  const lock_guard lock{mutex_};
  // relaxed: the cancel step sets it and then locks mutex_, so later starts see it (I2).
  if (core_.cancelling().load(std::memory_order_relaxed)) return task_state::cancelled;
  if (task.stop_token.stop_requested()) return task_state::cancelled;
  if (now >= std::min(task.deadline, task.start_by)) return task_state::expired;
  here.completion = std::move(task.completion);
  here.of_class = task.of_class;
  here.below = std::exchange(top_, &here);
  ++depth_;
  doing_.store(activity::running, std::memory_order_relaxed);  // relaxed: for people to read
  return std::nullopt;
}

// Pops the frame. Returns whether the task is still this thread's to end.
bool runner::end(frame& here) noexcept {
  const lock_guard lock{mutex_};
  top_ = here.below;
  --depth_;
  if (top_ == nullptr) doing_.store(activity::idle, std::memory_order_relaxed);
  return !here.abandoned;
}

void runner::count(task_state state, class_record* of_class) noexcept {
  cells_.ended[static_cast<std::size_t>(state)].add();
  if (of_class != nullptr) of_class->count(state);
}

void runner::deliver(frame& here, task_state state, std::exception_ptr error) noexcept {
  if (here.completion) {
    if (error) here.completion->fail(std::move(error));
    here.completion->complete(state);
  } else if (error) {
    core_.report_unhandled(std::move(error), here.of_class);
  }
}

bool runner::run_here(queued_task& task) {
  if (nested_here_ == nesting_max || !core_.acquire_serial(task)) return core_.put_off(task);
  cells_.accepted.add();
  ++nested_here_;
  run(std::move(task));
  if (nested_here_ == nesting_max) {
    // Depth first, once too much was put off: so a wide tree of tasks needs little memory. But not
    // for ever, as tasks that each submit the next would have it: the channel is to have its turn.
    for (std::size_t turns = nesting_max; turns > 0; --turns) {
      auto deeper = core_.take_put_off_surplus();
      if (!deeper) break;
      run(std::move(*deeper));
    }
  }
  --nested_here_;
  return true;
}

bool runner::run_one_waiting() noexcept {
  if (depth_ >= helping_max) return false;
  std::optional<queued_task> task = core_.take_put_off();
  if (!task) {
    if (auto next = core_.channel().try_pop()) task = std::move(*next);
  }
  if (!task) return false;
  run(std::move(*task));
  return true;
}

bool runner::run_waiting(const void* owner) noexcept {
  if (depth_ < helping_max && !core_.paused()) {
    if (auto task = core_.take_owned_by(owner)) {
      run(std::move(*task));
      return true;
    }
  }
  return outer_host_ != nullptr && outer_host_->run_waiting(owner);
}

void runner::block() noexcept {
  if (block_depth_++ == 0) {
    doing_.store(activity::blocked, std::memory_order_relaxed);  // relaxed: for people to read
    if (role_ == role::worker) core_.worker_blocks();            // a guest takes no worker's place
  }
  if (outer_host_ != nullptr) outer_host_->block();
}

void runner::unblock() noexcept {
  if (outer_host_ != nullptr) outer_host_->unblock();
  if (--block_depth_ > 0) return;
  if (role_ == role::worker) core_.worker_unblocks();
  // It may not have been in a task: continuations wait, too. relaxed: for people to read.
  doing_.store(depth_ > 0 ? activity::running : activity::idle, std::memory_order_relaxed);
}

void runner::abandon(std::vector<orphan>& into) {
  const lock_guard lock{mutex_};
  for (frame* at = top_; at != nullptr; at = at->below) {
    if (std::exchange(at->abandoned, true)) continue;
    into.push_back({std::move(at->completion), at->of_class});
  }
}

bool runner::leave_behind() {
  const lock_guard lock{mutex_};
  left_behind_ = top_ != nullptr && top_->abandoned;
  return left_behind_;
}

bool runner::is_left_behind() const {
  const lock_guard lock{mutex_};
  return left_behind_;
}

}  // namespace millpool
