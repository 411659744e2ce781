// Where a task starts, and where it ends. Next stop: idle.hpp, for when there is none.
#include "src/pool/runner.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/task_spans.hpp"
#include "src/pool/thread_view.hpp"

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

}  // namespace

constinit thread_local runner* runner::of_this_thread_ = nullptr;

runner::runner(pool_core& core, role as) noexcept
    : core_{core},
      conditions_{core.conditions()},
      role_{as},
      place_{core.cancelling(), &core.stops()},
      plain_{no_stop_, place_, *core.options().time, no_deadline, nullptr} {}

void runner::install() noexcept {
  if (core_.options().stuck_after) thread_ = this_thread_id();
  outer_ = std::exchange(of_this_thread_, this);
  outer_host_ = install_thread_host(this);
  outer_kept_ = std::exchange(detail::kept_by_this_thread, nullptr);
}

void runner::resign() noexcept {
  of_this_thread_ = outer_;
  install_thread_host(outer_host_);
  // Its task may have forked meanwhile: the child's thread keeps nothing.
  detail::kept_by_this_thread = core_.forked() ? nullptr : outer_kept_;
}

// Inside a blocking_region of another task's, this thread does not block as long as it runs this
// one.
void runner::run_while_blocked(queued_task&& task, time_point submitted) noexcept {
  const std::size_t blocks = std::exchange(block_depth_, 0);
  blocks_.store(false, std::memory_order_relaxed);
  takes_its_place();
  run(std::move(task), submitted);
  blocks_.store(true, std::memory_order_relaxed);
  block_depth_ = blocks;  // before hooks are called
  gives_its_place();
}

void runner::gives_its_place() noexcept {
  if (has_a_place()) core_.workers().worker_blocks(*this);
}

void runner::takes_its_place() noexcept {
  if (has_a_place()) core_.workers().worker_unblocks(*this);
}

// A plain task, at a time when not all start.
void runner::run_if_allowed(const task_words& task, frame& here) noexcept {
  if (conditions_.any_of(pool_conditions::cancels)) {
    task.kind->drop(task.a, task.b);
    return end_plain(here, task_state::cancelled, nullptr);
  }
  if (pop(here)) return run_to_its_end(queued_task{task}, {});  // which may wait, outside a frame
  task.kind->drop(task.a, task.b);
  let_go(task.target());
}

void runner::run_to_its_end(queued_task&& task, time_point submitted) noexcept {
  const clock& time = *core_.options().time;
  millpool::completion* const target = task.target();
  const std::stop_token stop = task.stop_token();
  task_extras_ptr asked{task.extras()};
  class_record* const of_class = asked ? asked->of_class : nullptr;
  const bool is_forked_half = task.is_forked_half();
  const task_kind* const kind = task.its_kind();
  if (is_forked_half) cells_.accepted.add();
  breaker_gate& breakers = core_.breakers();
  breaker_gate::pass pass;
  if (!is_forked_half && conditions_.any_of(pool_conditions::judged) && !stop.stop_requested()) {
    // relaxed: its own. What this thread waits for in a continuation, or a hook, is as nested.
    const bool is_nested =
        runs_for_a_wait_ || place_.top.load(std::memory_order_relaxed) != nullptr;
    const time_point until = asked ? std::min(asked->deadline, asked->start_by) : no_deadline;
    pass = breakers.enter(of_class, is_nested, until, stop);
    if (pass.is_held && put_back(task, asked, submitted)) return;
  }
  const bool measured = stamp::stands_for(submitted) != 0;
  const time_point start = measured || asked ? time.now() : time_point{};
  const duration waited = measured ? start - stamp::time_of(submitted) : duration{};

  detail::task_frame_of_asking here{{nullptr, target, kind, asked ? frame::asks : 0U}, asked.get()};
  push(here);
  task_state state = task_state::succeeded;
  std::exception_ptr error;
  std::optional<run_span> span;
  auto verdict = verdict_on(asked.get(), stop, start);
  if (!verdict && pass.is_refused) {
    verdict = task_state::discarded;
    error = std::make_exception_ptr(submit_error{submit_errc::breaker_open});
  }
  if (verdict) {
    state = *verdict;
    std::move(task).drop();
  } else {
    const time_point until =
        asked ? std::min(asked->deadline, deadline_after(start, asked->timeout)) : no_deadline;
    if (asked && asked->attempt > 1) core_.count_retry(of_class);
    task_context context{stop, place_, time, until, asked.get(), pass.in_fallback};
    if (asked && asked->trace) span.emplace(core_.options(), *asked, start);
    try {
      std::move(task).run(context);  // P2: it destroys the closure
    } catch (...) {
      state = state_of_exception(error);
    }
    if (span) span->leave(core_.options());
  }
  if (pop(here)) {
    const duration took = measured && !verdict ? time.now() - start : duration{};
    if (measured && !verdict) measure(of_class, submitted, waited, took);
    breakers.leave(pass, state, error);
    if (span) {
      span->tell(core_.options(), name_of(of_class), *asked, state, error);
    } else if (verdict && has_spans(core_.options(), asked.get())) {
      tell_wait(core_.options(), name_of(of_class), *asked, start, state);
    }
    end(target, of_class, state, std::move(error), waited, took);
  } else if (is_forked_half) {
    target->complete(task_state::abandoned);
  } else {
    breakers.leave(pass, task_state::abandoned, nullptr);
    let_go(target);
  }
  if (asked && asked->serial_key) core_.release_serial(*asked->serial_key);
}

// \return false: there is no memory for that.
bool runner::put_back(queued_task& task, task_extras_ptr& asked, time_point submitted) noexcept {
  task_extras* const again = asked.release();  // the task has them again
  try {
    core_.put_back(task, submitted);
  } catch (const std::bad_alloc&) {
    asked.reset(again);
    return false;
  }
  return true;
}

// How the task ends if it must not start.
std::optional<task_state> runner::verdict_on(const task_extras* asked, const std::stop_token& stop,
                                             time_point now) const noexcept {
  if (conditions_.any_of(pool_conditions::cancels)) return task_state::cancelled;
  if (stop.stop_requested()) return task_state::cancelled;
  if (asked != nullptr && now >= std::min(asked->deadline, asked->start_by)) {
    return task_state::expired;
  }
  return std::nullopt;
}

// Whether its end is this thread's to tell. For one that is on no stack any more.
bool runner::is_still_ours(const frame& here) noexcept {
  // Nobody marks anything in a child of this process, where the lock may be held for ever.
  if (!conditions_.any_of(pool_conditions::abandons) && core_.forked()) return true;
  std::uint32_t marks = 0;
  {
    const lock_guard lock{mutex_};
    marks = here.marks;
    if ((marks & frame::stuck) != 0) {
      const frame* told = here.below;
      while (told != nullptr && (told->marks & frame::stuck) == 0) told = told->below;
      place_.told.store(told,
                        std::memory_order_relaxed);  // relaxed: a hint, as in stop_requested()
    }
  }
  if ((marks & frame::overdue) != 0) core_.workers().comes_back(*this, marks);
  return (marks & frame::abandoned) == 0;
}

// To be called in the handler. Sets `error` unless the task has stopped itself.
task_state runner::state_of_exception(std::exception_ptr& error) noexcept {
  try {
    throw;
  } catch (const task_stopped&) {
    return task_state::cancelled;
  } catch (...) {
    error = std::current_exception();
    return task_state::failed;
  }
}

// Shutdown has given up on this task: its end is told already.
void runner::let_go(millpool::completion* target) noexcept {
  if (target != nullptr) target->release_reference();
}

void runner::end_plain(frame& here, task_state state, std::exception_ptr error) noexcept {
  millpool::completion* const target = here.completion;
  if (!pop(here)) return let_go(target);
  if (state == task_state::failed) core_.breakers().count_failure(error);
  end(target, nullptr, state, std::move(error), {}, {});
}

void runner::end(millpool::completion* target, class_record* of_class, task_state state,
                 std::exception_ptr error, duration waited, duration ran) noexcept {
  if (of_class != nullptr) {
    of_class->count(state);
  } else {
    cells_.ended[static_cast<std::size_t>(state)].add();
  }
  core_.report_end(of_class, state, waited, ran);
  if (target != nullptr) {
    if (error) target->fail(std::move(error));
    target->complete(state);
  } else if (state == task_state::failed && error) {
    core_.report_unhandled(std::move(error), of_class);
  }
  settled();
}

void runner::measure(const class_record* of_class, time_point submitted, duration waited,
                     duration ran) noexcept {
  constexpr duration is_short = std::chrono::microseconds{1};
  constexpr std::uint32_t many = 64;
  // A long one among short ones stands for itself alone.
  const std::uint64_t stands_for = ran > is_short ? 1 : stamp::stands_for(submitted);
  if (auto* const cell = times_.find(core_.times(), of_class, stamp::lane_of(submitted))) {
    cell->wait.record(waited, stands_for);
    cell->run.record(ran, stands_for);
  }
  if (ran > is_short) {
    short_tasks_ = 0;
    core_.sample(false);
  } else if (++short_tasks_ == many) {
    short_tasks_ = 0;
    core_.sample(true);
  }
}

// A worker looks when it has nothing more to do: worker::next().
void runner::look_whether_awaited() noexcept {
  light_barrier();  // see pool_core::wait_idle()
  core_.settled_something();
}

bool runner::run_here(queued_task& task, unsigned lane) {
  const time_point submitted = core_.stamp_now(lane);
  if (nested_here_ == nesting_max || !core_.acquire_serial(task)) {
    return core_.put_off(task, lane, submitted);
  }
  if (!core_.channel().pass_by()) {
    if (task.extras() != nullptr && task.extras()->serial_key) {
      core_.release_serial(*task.extras()->serial_key);
    }
    return false;
  }
  ++nested_here_;
  run(std::move(task), submitted);
  if (nested_here_ == nesting_max) {
    // Depth first, once too much was put off: so a wide tree of tasks needs little memory. But not
    // for ever, as tasks that each submit the next would have it: the channel is to have its turn.
    for (std::size_t turns = nesting_max; turns > 0; --turns) {
      auto deeper = core_.take_put_off_surplus();
      if (!deeper) break;
      run_for_another(std::move(*deeper));
    }
  }
  --nested_here_;
  return true;
}

bool runner::run_one_waiting() noexcept {
  if (unsettled() >= helping_max) return false;
  std::optional<waiting_task> next = take_kept(nullptr);
  if (!next) next = core_.take_put_off();
  if (!next) {
    if (auto taken = core_.channel().try_take()) {
      pool_core::note_place(taken->value, taken->when, false);
      next = waiting_task{std::move(taken->value), taken->when.came};
    }
  }
  if (!next) {
    core_.kept().any_of(0, [&](own_tasks& each) { return (next = each.steal()).has_value(); });
  }
  if (!next) return false;
  run_for_another(std::move(*next));
  return true;
}

void runner::run_for_another(waiting_task&& task) noexcept {
  const trace_scope none{nullptr};
  run(std::move(task.task), task.submitted);
}

bool runner::keep(queued_task&, unsigned, const admission&) noexcept { return false; }
std::optional<waiting_task> runner::take_kept(const void*) noexcept { return std::nullopt; }
own_tasks* runner::fork(const task_kind&, millpool::completion&) noexcept { return nullptr; }

bool runner::run_waiting(const void* owner) noexcept {
  while (unsettled() < helping_max && !core_.paused()) {
    bool is_it = true;
    auto next = take_kept(owner);
    if (!next) next = core_.take_owned_by(owner, is_it);
    if (!next) break;
    const bool before = std::exchange(runs_for_a_wait_, true);
    run_for_another(std::move(*next));
    runs_for_a_wait_ = before;
    if (is_it) return true;
  }
  return outer_host_ != nullptr && outer_host_->run_waiting(owner);
}

void runner::block() noexcept {
  if (block_depth_++ == 0) {
    blocks_.store(true, std::memory_order_relaxed);  // relaxed: for people to read
    gives_its_place();
  }
  if (outer_host_ != nullptr) outer_host_->block();
}

// What calls hooks comes first: once this thread is known to wait it does nothing else.
bool runner::block_for(task_wait& wait) noexcept {
  block();
  if (wait.how() == task_wait::yields::unseen || core_.forked()) return true;
  if (!core_.workers().runner_waits(*this, wait)) {
    unblock();
    return false;
  }
  awaits_depth_ = block_depth_;
  return true;
}

void runner::unblock() noexcept {
  if (awaits.wait != nullptr && awaits_depth_ == block_depth_) {
    core_.workers().runner_goes_on(*this);
  }
  if (outer_host_ != nullptr) outer_host_->unblock();
  if (--block_depth_ > 0) return;
  takes_its_place();
  blocks_.store(false, std::memory_order_relaxed);  // relaxed: for people to read
}

// That another may take: a guest has none, and in a child of this process nobody has.
bool runner::has_a_place() const noexcept { return role_ == role::worker && !core_.forked(); }

std::size_t runner::depth() const noexcept {
  std::size_t frames = 0;
  for (const frame* at = place_.top.load(std::memory_order_relaxed); at != nullptr;
       at = at->below) {
    ++frames;
  }
  return frames;
}

bool runner::has_key(const std::optional<serial_key>& key) const noexcept {
  return find_frame([&](const frame& each) {
           const task_extras* const asked = extras_of(each);
           return asked != nullptr && asked->serial_key && (!key || asked->serial_key == key);
         }) != nullptr;
}

const class_record* runner::class_of(const void* owner) const noexcept {
  const frame* const found =
      find_frame([&](const frame& each) { return owner == nullptr || each.completion == owner; });
  return found != nullptr ? class_of(*found) : nullptr;
}

const std::string& runner::name() const noexcept {
  static const std::string none;
  return none;
}

void runner::abandon(std::vector<orphan>& into) {
  const lock_guard lock{mutex_};
  // acquire: the frames. None of them goes while mutex_ is held: its thread sees the bit (I1).
  for (frame* at = place_.top.load(std::memory_order_acquire); at != nullptr; at = at->below) {
    if ((at->marks & frame::abandoned) != 0) continue;
    at->marks |= frame::abandoned;
    completion_ref<millpool::completion> told;
    // Who has forked a half waits for it even where it is abandoned: it uses that one's stack.
    if (at->completion != nullptr && !at->kind->is_forked_half) {
      at->completion->add_reference();  // the task, which still runs, keeps its own
      told = completion_ref<millpool::completion>{at->completion};
    }
    into.push_back({std::move(told), class_of(*at)});
  }
}

bool runner::leave_behind() {
  if (!conditions_.any_of(pool_conditions::abandons)) return false;
  const lock_guard lock{mutex_};  // as in abandon()
  const frame* const top = place_.top.load(std::memory_order_acquire);
  left_behind_ = top != nullptr && (top->marks & frame::abandoned) != 0;
  return left_behind_;
}

bool runner::is_left_behind() const {
  const lock_guard lock{mutex_};
  return left_behind_;
}

// ---- the watchdog's
// ---------------------------------------------------------------------------------

worker_info runner::info() const noexcept { return {core_.options().name, {}, 0}; }

duration runner::look(duration passed) noexcept {
  const std::uint64_t settled = cells_.settled.load();
  // acquire: thread_; and the count is read again after.
  const frame* const top = place_.top.load(std::memory_order_acquire);
  if (top == nullptr || cells_.settled.load() != settled) {
    seen_ = {};
    return {};
  }
  const duration cpu = cpu_time_of(thread_);
  if (top != seen_.task || settled != seen_.settled) {
    seen_ = {.settled = settled, .task = top, .cpu = cpu, .cpu_at_first = cpu};
    return {};
  }
  const duration used = cpu - std::exchange(seen_.cpu, cpu);
  const bool wants_cpu = is_runnable(thread_);
  ++seen_.looks;
  if (wants_cpu) ++seen_.runnable;
  // One that would run, and gets no processor, is not to blame; nor would another worker get one.
  if (!wants_cpu || used > duration::zero()) seen_.age += passed;
  return seen_.age;
}

runner::frame* runner::still_in() const noexcept {
  // acquire: the count is read after.
  frame* const top = place_.top.load(std::memory_order_acquire);
  const bool is_it = top == seen_.task && cells_.settled.load() == seen_.settled;
  return is_it ? top : nullptr;
}

bool runner::mark_overdue() noexcept {
  const lock_guard lock{mutex_};
  frame* const here = still_in();  // I4
  if (here == nullptr || (here->marks & frame::overdue) != 0) return false;
  here->marks |= frame::overdue;
  return true;
}

std::optional<stuck_task> runner::mark_stuck() {
  const lock_guard lock{mutex_};
  frame* const top = still_in();  // I4
  if (top == nullptr) return std::nullopt;
  frame& here = *top;
  if ((here.marks & frame::stuck) != 0 || (here.marks & frame::overdue) == 0) return std::nullopt;
  const worker_info who = info();
  const class_record* const of_class = class_of(here);
  stuck_task found{.by = this,
                   .worker = std::string{who.name},
                   .index = who.index,
                   .thread = thread_,
                   .task_class = of_class != nullptr ? std::string_view{of_class->options.name}
                                                     : std::string_view{},
                   .closure = here.kind->closure,
                   .seen = seen_};
  here.marks |= frame::stuck;
  return found;
}

std::stop_source runner::tell_to_stop() noexcept {
  const lock_guard lock{mutex_};
  frame* const here = still_in();  // I4
  if (here == nullptr) return std::stop_source{std::nostopstate};
  place_.told.store(here, std::memory_order_relaxed);  // relaxed: as in is_still_ours()
  const task_extras* const asked = extras_of(*here);
  return asked != nullptr ? core_.stops().source_of(*asked) : std::stop_source{std::nostopstate};
}

}  // namespace millpool
