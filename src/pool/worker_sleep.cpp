// A worker that finds nothing: how long it looks, and how it sleeps. Next stop: idle.hpp, for who
// is woken.
#include "millpool/sync/asymmetric_barrier.hpp"
#include "millpool/sync/spin.hpp"
#include "src/pool/pool_core.hpp"
#include "src/pool/worker.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace millpool {
namespace {

// For so long a task may wait behind one that is longer than those before it, while a worker
// sleeps.
constexpr duration a_doze = std::chrono::milliseconds{1};

// Who sleeps for less might as well have looked on: a task that comes every so often costs its
// submitter more for the wake-up than the worker for the search.
constexpr duration soon = std::chrono::microseconds{100};

}  // namespace

// In the channel, or with a worker.
bool worker::something_waits() noexcept {
  return core_.channel().can_take() || core_.kept().any_visible();
}

// Looks for about as long as it costs to sleep and to be woken; and for longer, if the last time
// that would have been worth it. But only one worker does so: others are rather in the way.
bool worker::search() noexcept {
  constexpr int longer = 10;
  const auto something = [this] { return something_waits(); };
  if (spin_until(something)) return true;
  if (stands_in_the_way() && yield_until_something_waits()) return true;
  const bool last_one_awake = core_.idle().asleep() + 1 >= core_.workers().live();
  return tasks_come_soon_ && last_one_awake && spin_until(something, longer);
}

// A worker that is woken for a short task, finds no other, and sleeps, over and over, most likely
// runs where its waker does: there it interrupts the one that would bring the next. Linux leaves
// both on one processor as long as only one of them can run; in a virtual machine even where
// another is idle.
bool worker::stands_in_the_way() noexcept {
  constexpr std::uint32_t over_and_over = 4;
  constexpr std::size_t few = 64;
  if (!core_.tasks_are_short() || ran_since_woken_ > few) {
    woken_for_few_ = 0;
    return false;
  }
  return ++woken_for_few_ > over_and_over;
}

// So it lets the other go on, and stays awake: they are then moved apart, or take turns at longer
// intervals.
bool worker::yield_until_something_waits() noexcept {
  constexpr int turns = 4;
  for (int i = 0; i < turns; ++i) {
    if (something_waits()) return true;
    std::this_thread::yield();
  }
  return something_waits();
}

void worker::stop_searching() noexcept {
  if (!std::exchange(searching_, false)) return;
  core_.idle().stop_search();
  has_searched_ = true;
}

// Returns whether to look for work again; false: idle for too long, and not needed.
// \param  lazily  leave to another worker that is awake what comes just now.
bool worker::sleep(bool lazily) {
  leave_low_work();
  set_takes(false);
  const bool again = sleep_until_woken(lazily);
  core_.watch().somebody_is_awake();
  set_takes(true);
  return again;
}

bool worker::sleep_until_woken(bool lazily) {
  idle_workers& idle = core_.idle();
  give_places_back();
  ran_since_woken_ = 0;
  // One that has looked in vain leaves it: so the looks end where nothing comes.
  const bool may_doze = others_are_at_it() && !std::exchange(dozed_in_vain_, false);
  others_takes_ = core_.takes() - own_takes_;
  const auto [asleep, shortly] = idle.enter(*this, std::exchange(searching_, false), may_doze);
  heavy_barrier();  // idle.hpp: before the look
  // Again: at the look in next(), what this worker has settled may not have been visible yet to
  // another that ended the last task meanwhile. Now it is.
  if (!keeps_something()) core_.settled_something();
  // The last one that is awake looks in any case, and so does one where nobody dozes.
  // And where the pool is closed: then those who are awake end, and do not look for others.
  const bool looks = !lazily || asleep >= core_.workers().live() || !idle.anybody_dozes() ||
                     conditions_.any_of(pool_conditions::closes);
  // What the limit holds back from others is not held back from who keeps it, but by a pause.
  const bool goes_on = keeps_something() && !core_.paused();
  if ((looks && core_.work_visible()) || goes_on ||
      (!keeps_something() && conditions_.any_of(pool_conditions::surplus))) {
    if (!idle.leave(*this)) wake_up();
    return true;
  }
  const clock& time = *core_.options().time;
  count_park();
  if (shortly) {
    // By the steady clock, whatever the pool's: it is not the user's time.
    if (bed.park_until(steady(), deadline_after(steady().now(), a_doze))) {
      has_been_woken();
    } else if (!idle.leave(*this)) {
      wake_up();
    } else {
      dozed_in_vain_ = true;
      has_searched_ = true;  // what others kept meanwhile was left to it
      heavy_barrier();
    }
    return true;
  }
  // Who keeps something, in a pause, could not leave: it need not look whether it has been idle.
  const time_point until = !keeps_something() && core_.workers().above_minimum()
                               ? deadline_after(time.now(), patience())
                               : no_deadline;
  const time_point begun = steady().now();  // as above
  if (bed.park_until(time, until)) {
    tasks_come_soon_ = steady().now() - begun < soon;
    asked_in_vain_ = 0;
    has_been_woken();
    return true;
  }
  if (!idle.leave(*this)) {
    wake_up();
    return true;
  }
  if (keeps_something()) return true;  // held back by a pause
  if (!core_.may_shrink()) {
    ++asked_in_vain_;
    return true;
  }
  return !core_.workers().leave_if_idle(*this);
}

// For how long it sleeps before it asks whether it may leave: the longer, the more often it was
// told no, so that an idle pool does not tick.
duration worker::patience() const noexcept {
  const duration keep_alive = core_.changeable().keep_alive();
  if (asked_in_vain_ == 0) return keep_alive;
  constexpr unsigned doublings = 6;
  constexpr duration at_least = std::chrono::seconds{1};
  constexpr duration most = duration::max() / (1 << doublings);
  return std::min(std::max(keep_alive, at_least), most) *
         (1 << std::min(asked_in_vain_, doublings));
}

// Whether this worker is to end.
bool worker::is_one_too_many() {
  while (conditions_.any_of(pool_conditions::surplus)) {
    if (core_.workers().leave_if_surplus(*this)) return true;
    set_takes(false);
    give_places_back();
    const bool sits = core_.workers().sit_down_if_surplus(*this);
    const bool ends = sits && sit_on_the_bench();
    core_.watch().somebody_is_awake();
    set_takes(true);
    if (ends) return true;
    if (!sits) break;
  }
  return false;
}

// Until it is called back, or for keep_alive. \return whether it is to end.
bool worker::sit_on_the_bench() {
  const clock& time = *core_.options().time;
  const time_point until = deadline_after(time.now(), core_.changeable().keep_alive());
  if (bed.park_until(time, until)) return false;
  if (core_.workers().leave_bench(*this)) return true;
  bed.park();  // its token is on the way
  return false;
}

// A waker popped us: its token is ours to take.
void worker::wake_up() noexcept {
  bed.park();
  has_been_woken();
}

void worker::has_been_woken() noexcept { searching_ = core_.idle().has_come(*this); }

}  // namespace millpool
