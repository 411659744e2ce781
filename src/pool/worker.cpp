// One worker's life. Next stop: runner.cpp, for what it does with a task; and worker_sleep.cpp, for
// when there is none.
#include "src/pool/worker.hpp"

#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/spin.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/thread_view.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <expected>
#include <new>
#include <pthread.h>
#include <utility>

namespace millpool {
namespace {

// So many short tasks at once are worth a worker of their own.
constexpr std::size_t batch_of_one = 32;
constexpr std::size_t largest_batch = 127;
constexpr std::size_t nearly_full_batch = 100;

// How long a worker waits for a batch to come together, in looks of some 50 ns that it does not
// take.
constexpr int longest_pace = 160;
constexpr int pace_step = 8;

// An own_tasks::entry that costs nothing to make room for: a time_point is always initialised.
struct kept_entry {
  task_words task;
  duration::rep submitted;
};

}  // namespace

worker::worker(pool_core& core, std::size_t index)
    : runner{core, role::worker},
      index_{index},
      name_{core.options().name + '/' + std::to_string(index)},
      kept_{core.kept().of(index)} {
  if (core.low_work().is_on() && kept_ != nullptr) kept_->set_lane(0);  // which is never low
}

worker_info worker::info() const noexcept { return {core_.options().name, name_, index_}; }

void worker::main(std::shared_ptr<pool_core> core) noexcept {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  install();
  if (core->options().stuck_after) let_stack_be_taken();
  core->watch().somebody_is_awake();
  if (kept_ != nullptr) kept_->hand_to(*this);
  if (core->options().on_worker_start) core->options().on_worker_start(info());
  set_takes(true);
  while (std::optional<waiting_task> next_one = next()) {
    ++ran_since_woken_;
    run(std::move(next_one->task), next_one->submitted);
    if (at_low_work_ && keeps_something()) [[unlikely]]
      go_on_from_low_work();
    run_kept();
  }
  set_takes(false);
  give_places_back();
  leave_low_work();
  kept_ = nullptr;  // nobody would run what the hook submits
  detail::kept_by_this_thread = nullptr;
  // What the hook refers to may be gone before a worker that was left behind.
  if (core->options().on_worker_stop && !is_left_behind()) core->options().on_worker_stop(info());
  resign();
  // What the hook ran has settled on this thread, which does not come by next() any more.
  light_barrier();
  core->settled_something();
  // release: crew's keep_counts_of() after it reads all that this thread counted.
  finished.store(true, std::memory_order_release);
}

inline bool worker::may_run_on() const noexcept {
  constexpr std::uint32_t no_matter =
      pool_conditions::no_matter_to_kept | pool_conditions::keeps_none;
  return own_turns_left_ > 0 && conditions_.none_but(no_matter) && !kept_->something_is_higher();
}

// What it keeps, as long as nothing is out of the ordinary: the short way, past next() and run().
void worker::run_kept() noexcept {
  if (kept_ == nullptr) return;
  own_tasks::entry newest{};
  const std::uint32_t turns = own_turns_left_;
  while (may_run_on() && kept_->pop(newest)) {
    // After the pop, and the light_barrier() in it: as in take_next_kept().
    if (core_.paused()) [[unlikely]] {
      static_cast<void>(kept_->push(newest));
      break;
    }
    --own_turns_left_;
    gave_way_ = 0;
    is_surplus_ = false;
    run(newest.task, newest.submitted);
  }
  ran_since_woken_ += turns - own_turns_left_;
}

// The next task, waiting for one; nothing when this worker is to end.
std::optional<waiting_task> worker::next() {
  for (;;) {
    // Before it takes: what a submitter left to this search is then seen, at the latest by the
    // count of what is left.
    stop_searching();
    if (at_low_work_ && !keeps_something()) [[unlikely]]
      end_low_work();
    light_barrier();  // see pool_core::wait_idle(): what it last did is settled before the look
    if (!keeps_something()) core_.settled_something();
    if (!keeps_something() && is_one_too_many()) return std::nullopt;
    if (std::exchange(is_surplus_, false) && !keeps_something() && others_are_at_it()) {
      if (!sleep(true)) return std::nullopt;
      continue;
    }
    if (!core_.paused()) {
      bool ended = false;
      if (auto task = take(ended)) return task;
      if (ended) return std::nullopt;
    }
    last_batch_ = 0;
    if (!searching_ && !others_are_at_it()) searching_ = core_.idle().start_search();
    if (searching_ && !core_.paused() && search()) continue;
    if (!sleep(false)) return std::nullopt;
  }
}

// \param  ended  set if there will be nothing any more.
std::optional<waiting_task> worker::take(bool& ended) {
  // Now and then somebody else's turn comes first: else tasks that submit tasks would keep this
  // worker to themselves. What came from the channel is older than what is there.
  if (!is_others_turn()) {
    if (auto task = take_next_kept(false)) return task;
  } else if (std::exchange(oldest_first_, !oldest_first_)) {  // nor is its first left for ever
    if (auto task = take_next_kept(true)) return task;
  }
  // In turn, so that neither what was put off nor what is in the channel starves the other.
  put_off_first_ = !put_off_first_;
  if (put_off_first_) {
    if (auto task = take_put_off()) return found(std::move(*task), true);
  }
  if (auto task = take_from_channel(ended)) return task;
  if (auto task = take_put_off()) return found(std::move(*task), true);
  if (auto task = take_next_kept(false)) return task;
  if (auto task = steal()) return found(std::move(*task), true);
  // pool_core I3. What was put off and is held back by a pause is not the end yet.
  ended = ended && !core_.any_put_off() && !keeps_something();
  return std::nullopt;
}

bool worker::is_others_turn() noexcept {
  const std::uint32_t own_turns = core_.tasks_are_short() ? 61 : 2;
  if (own_turns_left_ > 0 && own_turns_left_ < own_turns) {
    --own_turns_left_;
    return false;
  }
  own_turns_left_ = own_turns - 1;
  return kept_ != nullptr && kept_->submitted_inside() && others_have_a_claim();
}

// Whether something waits elsewhere whose priority is not lower than what this worker keeps.
bool worker::others_have_a_claim() noexcept {
  if (core_.any_put_off()) return true;
  return core_.channel().ready_lanes().any_above(kept_->lane() + 1);
}

// What this worker keeps, unless something of a higher priority waits in the channel.
std::optional<waiting_task> worker::take_next_kept(bool oldest) noexcept {
  if (kept_ == nullptr) return std::nullopt;
  if (kept_->something_is_higher() && gives_way()) return std::nullopt;
  auto task = oldest ? kept_->pop_oldest() : kept_->pop();
  light_barrier();
  gave_way_ = 0;
  if (!task) kept_->set_submitted_inside(false);
  // Looked at after the pop, so that a pause that is seen holds it back. One that this look just
  // misses came after the task was taken.
  if (task && core_.paused()) {
    static_cast<void>(kept_->push(task->task, task->submitted));
    return std::nullopt;
  }
  return task;
}

// Whether short tasks are taken by others just now. One that is in a long task is awake, too.
bool worker::others_are_at_it() const noexcept {
  return core_.others_are_awake() && core_.takes() - own_takes_ != others_takes_;
}

// As a lane of the channel does: for the aging bound, and then but for one task in a share (P3).
bool worker::gives_way() noexcept {
  if (kept_->empty()) return true;
  const aging rule = core_.changeable().aging();
  const time_point now = core_.options().time->now();
  if (gave_way_++ == 0) gave_way_since_ = now;
  return gave_way_ <= rule.share || now - gave_way_since_ <= rule.bound;
}

// With others, where tasks are so short that taking them one by one would cost more than they do.
std::optional<waiting_task> worker::take_from_channel(bool& ended) {
  pace();
  const bool keeps_nothing = kept_ != nullptr && kept_->empty();
  // Others may have stolen what it kept.
  if (at_low_work_ && keeps_nothing) [[unlikely]]
    end_low_work();
  // Reserved under another full_policy.
  if (keeps_nothing && kept_->places() > 0 && conditions_.any_of(pool_conditions::keeps_none)) {
    give_places_back();
  }
  const std::size_t more = keeps_nothing ? batch_max() : 0;
  std::size_t none = 0;
  last_batch_ = 1;
  auto taken = more > 0 ? take_batch(more) : take_one(keeps_nothing ? held_ : none);
  if (!taken) {
    last_batch_ = 0;
    ended = taken.error() == queue_status::closed;
    return std::nullopt;
  }
  pool_core::note_place(taken->value, taken->when, false);
  is_surplus_ = more > 0 && last_batch_ < batch_of_one && taken->left == 0;
  if (core_.tasks_are_short()) {
    ++own_takes_;
    core_.count_take();
  }
  return found({std::move(taken->value), taken->when.came}, taken->left > 0 || last_batch_ > 1);
}

std::expected<task_channel<queued_task>::taken, queue_status> worker::take_one(
    std::size_t& held) noexcept {
  bool entered = at_low_work_;
  auto taken = core_.channel().try_take(
      0, held, [](queued_task&&, const arrival&) noexcept {}, &entered);
  if (entered && !at_low_work_) begin_low_work(taken ? taken->when.lane : 0);
  return taken;
}

std::optional<waiting_task> worker::take_put_off() noexcept {
  bool entered = at_low_work_;
  std::size_t lane = 0;
  auto task = core_.take_put_off(&entered, &lane);
  if (entered && !at_low_work_) begin_low_work(lane);
  return task;
}

// Apart, for the size of its frame: where tasks are long no stack is to need a page for it.
[[gnu::noinline]] std::expected<task_channel<queued_task>::taken, queue_status> worker::take_batch(
    std::size_t more) noexcept {
  std::array<kept_entry, largest_batch> batch;  // not initialised, on purpose
  std::size_t count = 0;
  bool entered = at_low_work_;
  auto taken = core_.channel().try_take(
      more, held_,
      [&](queued_task&& task, const arrival& when) noexcept {
        batch[count++] = {task.release(), when.came.time_since_epoch().count()};
      },
      &entered);
  last_batch_ = 1 + count;
  if (entered && !at_low_work_) begin_low_work(taken ? taken->when.lane : 0);
  if (count > 0) {
    kept_->set_lane(static_cast<unsigned>(taken->when.lane));
    kept_->set_submitted_inside(false);
  }
  while (count > 0) {  // the last first: this worker runs them in their order
    --count;
    static_cast<void>(
        kept_->push({batch[count].task, time_point{duration{batch[count].submitted}}}));
  }
  return taken;
}

// How many more tasks than one to take at once. Their places in the channel stay taken until the
// next time, so that the capacity bounds them, too (P7): all workers' together are half of it.
std::size_t worker::batch_max() noexcept {
  if (conditions_.any_of(pool_conditions::displaces)) return 0;
  if (!core_.tasks_are_short() || core_.capacity() < pool_core::worth_a_batch) return 0;
  try {
    kept_->allocate();
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return std::min(largest_batch, share_of_places());
}

// Keeps a task that was taken when it should not have been.
bool worker::keep_back(waiting_task& task) noexcept {
  if (kept_ == nullptr || !kept_->empty()) return false;
  try {
    kept_->allocate();
  } catch (const std::bad_alloc&) {
    return false;
  }
  return kept_->push(task.task, task.submitted);
}

// A worker that takes every short task as soon as it comes takes the channel's cache lines from the
// submitter each time. So it lets a batch come together, as a network card does; for longer, the
// farther it is from a full one.
void worker::pace() noexcept {
  constexpr std::size_t few = 8;
  if (last_batch_ == 0 || !core_.tasks_are_short()) return;
  if (core_.capacity() < pool_core::worth_a_batch) return;
  const std::size_t enough = std::min(nearly_full_batch, share_of_places());
  if (last_batch_ >= enough) {
    pace_ = std::max(pace_ - pace_step, 0);
  } else if (last_batch_ >= few) {
    pace_ = std::min(pace_ + pace_step, longest_pace);
  } else {
    pace_ = first_pace;  // they come too slowly to fill a batch
  }
  for (int i = 0; i < pace_; ++i) {
    cpu_relax();
    cpu_relax();
  }
}

// It has entered the limit for a task of that lane; or for a higher one's, in vain.
void worker::begin_low_work(std::size_t lane) noexcept {
  if (!core_.low_work().limits(lane)) {
    core_.leave_low_work();
    return core_.left_low_work();
  }
  at_low_work_ = true;
  if (kept_ == nullptr) return;
  if (kept_->empty()) {
    kept_->set_lane(static_cast<unsigned>(lane));
    kept_->set_low(true);
  } else {
    // What is here is not low. So nothing is to join it until this task is over.
    detail::kept_by_this_thread = nullptr;
  }
}

// It keeps nothing that is low, and looks for another task.
void worker::end_low_work() noexcept {
  at_low_work_ = false;
  if (kept_ != nullptr) {
    if (kept_->is_low()) kept_->set_lane(0);  // so that the short way takes nothing low
    kept_->set_low(false);
    if (!core_.forked()) kept_->hand_to(*this);
  }
  core_.leave_low_work();
  // The others may wait for the end of the pool. Else this one looks itself, and wakes the next.
  if (conditions_.any_of(pool_conditions::closes)) core_.left_low_work();
}

// The same for one that looks no more: it sleeps, or ends.
void worker::leave_low_work() noexcept {
  if (!at_low_work_ || keeps_something()) return;
  end_low_work();
  core_.left_low_work();
}

// After a task: what it keeps is next.
void worker::go_on_from_low_work() noexcept {
  if (kept_->is_low()) return;
  end_low_work();
  core_.left_low_work();
}

std::optional<waiting_task> worker::steal() noexcept {
  std::optional<waiting_task> task;
  core_.kept().any_of(index_, [&](own_tasks& victim) {
    return &victim != kept_ && (task = victim.steal(false)).has_value();
  });
  if (!task && core_.low_work().is_on()) task = steal_low();
  if (task) count_steal();
  // As in take_next_kept(). It keeps nothing, or it would have taken that.
  if (task && core_.paused() && keep_back(*task)) return std::nullopt;
  return task;
}

std::optional<waiting_task> worker::steal_low() noexcept {
  const auto may_have_some = [this](const own_tasks& victim) {
    return &victim != kept_ && victim.is_low() && !victim.empty();
  };
  if (!core_.kept().any_of(index_, may_have_some)) return std::nullopt;
  const bool enters = !at_low_work_;
  if (enters && !core_.low_work().try_enter()) return std::nullopt;
  std::optional<waiting_task> task;
  core_.kept().any_of(index_, [&](own_tasks& victim) {
    return may_have_some(victim) && (task = victim.steal(true)).has_value();
  });
  if (enters) begin_low_work(task ? lane_count - 1 : 0);
  return task;
}

waiting_task worker::found(waiting_task task, bool more) {
  dozed_in_vain_ = false;
  // What was kept somewhere while this one searched was left to it.
  if (std::exchange(has_searched_, false)) {
    more = more || core_.kept().any_visible() || core_.any_put_off();
  }
  // One wake may stand for many tasks. Short ones are worth another worker only if they pile up,
  // which submitters see to, or if one is longer than it seemed, which a dozing worker sees to.
  if (!more) return task;
  light_barrier();  // between what was kept and the look, as in idle_workers
  const bool open = !conditions_.any_of(pool_conditions::closes);
  if (!(open && core_.tasks_are_short() && core_.idle().anybody_dozes())) core_.wake_for_work();
  return task;
}

bool worker::keep(queued_task& task, unsigned lane, const admission& how) noexcept {
  if (kept_ == nullptr || how.kind != admission::wait::by_policy) return false;
  if (conditions_.any_of(pool_conditions::keeps_none)) return false;
  const task_extras* const asked = task.extras();
  if (asked != nullptr && (asked->serial_key || asked->fair_key)) return false;
  if (core_.low_work().limits(lane) != kept_->is_low()) return false;
  const std::size_t size = kept_->size();
  if (size > 0 && kept_->lane() != lane) return false;
  // Beside other priorities it is the channel that knows whose turn it is, and who has aged.
  if (core_.channel().ready_lanes().any_but(lane)) return false;
  constexpr std::uint32_t comes_to_an_end = pool_conditions::surplus | pool_conditions::closes;
  if (conditions_.any_of(comes_to_an_end)) return false;
  if (!has_place()) return false;
  if (size == 0) kept_->set_lane(lane);
  kept_->set_submitted_inside(true);
  kept_->count_accepted();  // pool_core I1
  static_cast<void>(kept_->push(task, core_.stamp_kept(lane)));
  light_barrier();
  look_again(false);
  return true;
}

void worker::look_again(bool of_half) noexcept {
  constexpr std::uint32_t nobody_looks = pool_conditions::cancels | pool_conditions::closes;
  if (!of_half && conditions_.any_of(nobody_looks)) [[unlikely]] {
    // Other workers may have ended meanwhile, and the cancel step may have been here: nobody but
    // this one may know of it.
    if (auto back = kept_->pop()) run_for_another(std::move(*back));
    return;
  }
  core_.wake_for_work();
}

// For one more of what its tasks submit.
bool worker::has_place() noexcept {
  if (kept_->places_are_stale()) {
    if (!kept_->empty()) return false;
    give_places_back();
  }
  return kept_->size() < kept_->places() || reserve_places();
}

// Places in the channel for what this worker keeps, so that both together stay within the capacity
// (P7). Small channels have none to spare.
bool worker::reserve_places() noexcept {
  constexpr std::size_t worth_it = 16;
  if (kept_->places() > 0) return false;
  const std::size_t wanted = std::min(own_tasks::capacity, share_of_places());
  if (wanted < worth_it) return false;
  try {
    kept_->allocate();
  } catch (const std::bad_alloc&) {
    return false;
  }
  const std::uint64_t revision = conditions_.revision();
  kept_->set_places(core_.channel().reserve(wanted), revision);
  return kept_->size() < kept_->places();
}

// So that those of all workers, for batches and for what their tasks submit, are half of all.
std::size_t worker::share_of_places() const noexcept {
  return core_.capacity() / 4 / std::max(core_.workers().active(), core_.workers().live());
}

void worker::give_places_back() noexcept {
  if (keeps_something()) return;  // held back by a pause
  std::size_t places = std::exchange(held_, 0);
  if (kept_ != nullptr) {
    places += kept_->drop_places();
  }
  if (places > 0) core_.channel().give_back(places);
}

own_tasks* worker::fork(const task_kind& kind, completion& half) noexcept {
  if (kept_ == nullptr || conditions_.any_of(pool_conditions::keeps_none)) return nullptr;
  if (at_low_work_ && !kept_->is_low()) return nullptr;
  if (!has_place()) return nullptr;
  queued_task task{{&kind, std::bit_cast<std::uint64_t>(&half), 0}};
  static_cast<void>(kept_->push(task, time_point{}));
  kept_->set_submitted_inside(true);
  core_.wake_for_work();
  return kept_;
}

// What lies above it was submitted since, and is not waited for here.
bool worker::take_back(const completion& half) noexcept {
  auto back = take_kept(half.owner());
  if (back) static_cast<void>(back->task.release());
  return back.has_value();
}

// Those above that do not report to `owner` go back in their order.
std::optional<waiting_task> worker::take_kept(const void* owner) noexcept {
  if (kept_ == nullptr) return std::nullopt;
  auto newest = kept_->pop();
  if (!newest || owner == nullptr || newest->task.owner() == owner) return newest;
  return take_kept_below(std::move(newest), owner);
}

// Apart, for the size of its frame.
[[gnu::noinline]] std::optional<waiting_task> worker::take_kept_below(
    std::optional<waiting_task> newest, const void* owner) noexcept {
  std::array<std::optional<waiting_task>, own_tasks::capacity> others;
  std::size_t count = 0;
  while (newest && newest->task.owner() != owner) {
    others[count++] = std::move(newest);
    newest = kept_->pop();
  }
  while (count > 0) {
    waiting_task& back = *others[--count];
    static_cast<void>(kept_->push(back.task, back.submitted));
  }
  // Somebody may have looked just now, and gone to sleep; but not in a child of this process, where
  // a task may go on that has forked it.
  if (!core_.forked()) core_.wake_for_work();
  return newest;
}

}  // namespace millpool
