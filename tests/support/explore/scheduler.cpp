#include "tests/support/explore/scheduler.hpp"

#include "millpool/base/assert.hpp"
#include "millpool/sync/thread_host.hpp"
#include "tests/support/explore/player.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

namespace millpool::explore {
namespace {

/// The players that are free.
class company {
 public:
  explicit company(void (*play_all)(player&)) : play_all_{play_all} { prepare_players(); }

  std::unique_ptr<player> hire() {
    if (free_.empty()) return std::make_unique<player>(play_all_);
    auto hired = std::move(free_.back());
    free_.pop_back();
    return hired;
  }
  void release(std::unique_ptr<player> each) { free_.push_back(std::move(each)); }

 private:
  void (*play_all_)(player&);
  std::vector<std::unique_ptr<player>> free_;
};

constexpr std::size_t actors_max = 8;

struct late_store {
  void* object;
  std::uint64_t bits;
  store_to by;
  bool firm = false;  // its thread has taken a step since
};

struct actor {
  enum class state : std::uint8_t { ready, asleep, awaits_lock, ended };
  state is = state::ready;
  const void* object = nullptr;  // what it waits for
  time_point until = no_deadline;
  wake_reason reason = wake_reason::woken;
  std::function<void()> body;
  std::unique_ptr<player> by;
  std::vector<late_store> kept;  // the store buffer, oldest first: few
};

}  // namespace

/// One run. Everything is touched by the one thread that has the turn, so nothing is locked.
class scene {
 public:
  scene(decider& decide, const run_settings& settings) : decide_{decide}, settings_{settings} {}

  void add(company& from, std::function<void()> body) {
    MILLPOOL_ASSERT(count_ < actors_max, "a model has few threads");
    actor& fresh = actors_[count_];
    fresh.body = std::move(body);
    fresh.by = from.hire();
    fresh.by->in = this;
    fresh.by->part = count_++;
  }

  // Returns what went wrong.
  std::optional<std::string> perform() {
    hand_over(nobody);
    return failure_;
  }
  void release_all(company& to) {
    for (unsigned i = 0; i < count_; ++i) to.release(std::move(actors_[i].by));
  }
  void leave_all_behind() {
    for (unsigned i = 0; i < count_; ++i) actors_[i].by.release()->leave_behind();
  }

  void play(unsigned part) noexcept {
    try {
      actors_[part].body();
      actors_[part].body = nullptr;
    } catch (const std::exception& thrown) {
      fail(part, std::string{"an exception left the thread: "} + thrown.what());
    } catch (...) {
      fail(part, "an exception left the thread");
    }
    tell(part, "ends", nullptr);
    actors_[part].is = actor::state::ended;
    hand_over(part);
  }

  void step(unsigned self, const char* operation, const void* object) noexcept {
    if (++steps_ > settings_.steps_max) fail(self, "it does not end: too many operations");
    hand_over(self);
    for (late_store& each : actors_[self].kept) each.firm = true;
    tell(self, operation, object);
  }

  wake_reason sleep(unsigned self, const void* object, time_point until,
                    actor::state how) noexcept {
    actor& me = actors_[self];
    me.is = how;
    me.object = object;
    me.until = until;
    me.reason = wake_reason::woken;
    hand_over(self);
    if (me.reason != wake_reason::woken) {
      tell(self, me.reason == wake_reason::time ? "its time is up" : "wakes for no reason", object);
    }
    return me.reason;
  }

  void wake(const void* object, std::size_t count) noexcept {
    std::array<decider::option, actors_max> asleep;
    std::size_t found = 0;
    for (unsigned i = 0; i < count_; ++i) {
      if (waits_for(i, object))
        asleep[found++] = {.thread = i, .costs = false, .sleeping = false, .flushes = false};
    }
    for (; found > 0 && count > 0; --count) {
      const std::size_t chosen = found <= count ? 0 : pick({asleep.data(), found});
      actors_[asleep[chosen].thread].is = actor::state::ready;
      asleep[chosen] = asleep[--found];
    }
  }

  [[noreturn]] void fail(unsigned self, std::string why) noexcept {
    tell(self, why.c_str(), nullptr);
    failure_ = "thread " + std::to_string(self) + ": " + std::move(why);
    actors_[self].by->here.leave_for(main_);
    std::abort();  // nobody comes back to who failed
  }

  void tell(unsigned self, const char* operation, const void* object) noexcept {
    if (settings_.story != nullptr) [[unlikely]]
      tell_story(self, operation, object);
  }
  void tell_story(unsigned self, const char* operation, const void* object) noexcept {
    std::string line = "  thread " + std::to_string(self) + ": " + operation;
    if (object != nullptr) {
      auto at = std::ranges::find(named_, object);
      if (at == named_.end()) at = named_.insert(named_.end(), object);
      line += " #" + std::to_string(at - named_.begin() + 1);
    }
    settings_.story->push_back(std::move(line));
  }

  [[nodiscard]] fault planted() const noexcept { return settings_.planted; }
  [[nodiscard]] bool fences() const noexcept { return settings_.fences; }

  // ---- store buffers

  bool keep_back(unsigned self, const late_store& store) {
    if (!settings_.store_buffers) return false;
    if (++steps_ > settings_.steps_max) fail(self, "it does not end: too many operations");
    tell(self, "store, kept back", store.object);
    actors_[self].kept.push_back(store);
    return true;
  }

  [[nodiscard]] const std::uint64_t* kept_back(unsigned self, const void* object) const noexcept {
    const auto& kept = actors_[self].kept;
    const auto newest = std::find_if(kept.rbegin(), kept.rend(),
                                     [&](const late_store& each) { return each.object == object; });
    return newest == kept.rend() ? nullptr : &newest->bits;
  }
  [[nodiscard]] bool keeps(unsigned self) const noexcept { return !actors_[self].kept.empty(); }

  void drain(unsigned self) noexcept {
    while (keeps(self)) flush_oldest(self);
  }
  void drain_all() noexcept {
    for (unsigned i = 0; i < count_; ++i) drain(i);
  }
  // A store that is not firm may as well come after the fence: its thread has done nothing since
  // that would tell. In the runs where it comes before, it was flushed one decision earlier.
  void fence_everybody(unsigned self) noexcept {
    drain(self);
    for (unsigned i = 0; i < count_; ++i) {
      while (keeps(i) && actors_[i].kept.front().firm) flush_oldest(i);
    }
  }
  void forget(const void* object) noexcept {
    if (!settings_.store_buffers) return;
    for (unsigned i = 0; i < count_; ++i) {
      std::erase_if(actors_[i].kept, [&](const late_store& each) { return each.object == object; });
    }
  }
  time_point now{std::chrono::hours{1}};

 private:
  static constexpr unsigned nobody = actors_max;

  [[nodiscard]] bool waits_for(unsigned i, const void* object) const noexcept {
    const actor& each = actors_[i];
    return (each.is == actor::state::asleep || each.is == actor::state::awaits_lock) &&
           each.object == object;
  }

  std::size_t pick(std::span<const decider::option> options) noexcept {
    return options.size() == 1 ? 0 : decide_.decide(options);
  }

  using options_array = std::array<decider::option, 3 * actors_max>;

  // Lets the one go on whom the decider names; returns when it is `self`'s turn again. If `self`
  // has ended that is in a later scene, and this one may be gone. `nobody`: the whole run.
  void hand_over(unsigned self) noexcept {
    options_array options;
    unsigned flushed = nobody;  // whose store has just reached memory
    for (;;) {
      const std::size_t found = find_options(options, self, flushed);
      if (found == 0) {
        if (const char* stuck = who_is_stuck()) fail(self, stuck);
        drain_all();
        return place_of(self).leave_for(main_);
      }
      const decider::option& chosen = options[pick({options.data(), found})];
      if (!chosen.flushes) return let_go_on(chosen, self);
      flushed = chosen.thread;
      flush_oldest(flushed);
    }
  }

  std::size_t find_options(options_array& options, unsigned self, unsigned flushed) const noexcept {
    std::size_t found = 0;
    const bool can_go_on = self != nobody && actors_[self].is == actor::state::ready;
    // Whose store has just reached memory does not go on before another did: the same run comes
    // about when the store waits until after its next operation.
    if (can_go_on && flushed != self) {
      options[found++] = {.thread = self, .costs = false, .sleeping = false, .flushes = false};
    }
    for (unsigned i = 0; i < count_; ++i) {
      if (i != self && i != flushed && actors_[i].is == actor::state::ready) {
        options[found++] = {.thread = i,
                            .costs = can_go_on && flushed != self,
                            .sleeping = false,
                            .flushes = false};
      }
    }
    const bool others_could_go_on =
        found > 0 || (flushed != nobody && actors_[flushed].is == actor::state::ready);
    found = add_sleepers(options, found, others_could_go_on);
    return settings_.store_buffers ? add_flushes(options, found, can_go_on, flushed) : found;
  }

  // A store buffer is like one more thread: to let it go on pre-empts the one that runs.
  std::size_t add_flushes(options_array& options, std::size_t found, bool can_go_on,
                          unsigned flushed) const noexcept {
    const std::size_t others = found;
    for (unsigned i = 0; i < count_; ++i) {
      if (!keeps(i)) continue;
      const bool somebody_may_see_it =
          std::any_of(options.begin(), options.begin() + static_cast<std::ptrdiff_t>(others),
                      [&](const decider::option& each) { return each.thread != i; });
      if (!somebody_may_see_it) continue;
      options[found++] = {
          .thread = i, .costs = can_go_on && flushed != i, .sleeping = false, .flushes = true};
    }
    return found;
  }

  void flush_oldest(unsigned whose) noexcept {
    auto& kept = actors_[whose].kept;
    const late_store store = kept.front();
    kept.erase(kept.begin());
    tell(whose, "its store reaches memory:", store.object);
    store.by(store.object, store.bits);
  }

  void let_go_on(const decider::option& chosen, unsigned self) noexcept {
    actor& next = actors_[chosen.thread];
    if (chosen.sleeping) {
      const bool timed = next.until != no_deadline;
      next.reason = timed ? wake_reason::time : wake_reason::early;
      if (timed) now = std::max(now, next.until);
      if (!timed) ++early_wakes_;
      next.is = actor::state::ready;
    }
    if (chosen.thread == self) return;
    place_of(self).leave_for(next.by->here);  // if self has ended, this returns in a later scene
  }
  standpoint& place_of(unsigned part) noexcept {
    return part == nobody ? main_ : actors_[part].by->here;
  }

  std::size_t add_sleepers(options_array& options, std::size_t found,
                           bool others_could_go_on) const noexcept {
    if (others_could_go_on) {  // waking one early is a choice that costs
      for (unsigned i = 0; i < count_; ++i) {
        if (actors_[i].is != actor::state::asleep) continue;
        if (actors_[i].until == no_deadline && early_wakes_ == settings_.early_wakes) continue;
        options[found++] = {.thread = i, .costs = true, .sleeping = true, .flushes = false};
      }
      return found;
    }
    time_point first = no_deadline;  // all sleep: time passes until the first limit
    for (unsigned i = 0; i < count_; ++i) {
      if (actors_[i].is == actor::state::asleep) first = std::min(first, actors_[i].until);
    }
    for (unsigned i = 0; i < count_ && first != no_deadline; ++i) {
      if (actors_[i].is == actor::state::asleep && actors_[i].until == first) {
        options[found++] = {.thread = i, .costs = false, .sleeping = true, .flushes = false};
      }
    }
    return found;
  }

  [[nodiscard]] const char* who_is_stuck() noexcept {
    bool stuck = false;
    for (unsigned i = 0; i < count_; ++i) {
      if (actors_[i].is == actor::state::ended) continue;
      stuck = true;
      tell(i,
           actors_[i].is == actor::state::asleep ? "sleeps for ever on" : "waits for ever for lock",
           actors_[i].object);
    }
    return stuck ? "nobody can go on, and not all have ended: a lost wake-up, or a deadlock"
                 : nullptr;
  }

  decider& decide_;
  const run_settings settings_;
  std::array<actor, actors_max> actors_;
  unsigned count_ = 0;
  std::size_t steps_ = 0;
  unsigned early_wakes_ = 0;
  standpoint main_;
  std::optional<std::string> failure_;
  std::vector<const void*> named_;
};

namespace {

struct role {
  scene* in = nullptr;
  unsigned part = 0;
};
thread_local role self;

void play_all(player& by) {
  while (!by.dismissed()) {
    self = {by.in, by.part};
    by.in->play(by.part);
    install_thread_host(nullptr);
  }
}

company& everybody() {
  static company the_company{&play_all};
  return the_company;
}

}  // namespace

std::optional<std::string> run(std::vector<std::function<void()>> threads, decider& decide,
                               const run_settings& settings) {
  company& from = everybody();
  auto on = std::make_unique<scene>(decide, settings);
  for (auto& body : threads) on->add(from, std::move(body));
  auto failure = on->perform();
  if (failure) {
    on->leave_all_behind();
    (void)on.release();  // its threads stand in it for ever
  } else {
    on->release_all(from);
  }
  return failure;
}

void check(bool holds, const std::string& claim) {
  if (holds) return;
  if (self.in != nullptr) self.in->fail(self.part, "this does not hold: " + claim);
  throw std::logic_error{"at the end: this does not hold: " + claim};
}

void start(std::function<void()> body) {
  MILLPOOL_ASSERT(self.in != nullptr, "only a thread of a run starts another");
  self.in->add(everybody(), std::move(body));
}

time_point virtual_clock::now() const noexcept {
  return self.in != nullptr ? self.in->now : time_point{std::chrono::hours{1}};
}

void advance(duration by) { self.in->now += by; }

void step(const char* operation, const void* object) noexcept {
  if (self.in != nullptr) self.in->step(self.part, operation, object);
}

void note(const char* operation, const void* object) noexcept {
  if (self.in != nullptr) self.in->tell(self.part, operation, object);
}

bool planted(fault which) noexcept { return self.in != nullptr && self.in->planted() == which; }

wake_reason sleep_on(const char* operation, const void* object, time_point until) noexcept {
  MILLPOOL_ASSERT(self.in != nullptr, "outside a run there is nobody to wake a sleeper");
  note(operation, object);
  return self.in->sleep(self.part, object, until, actor::state::asleep);
}

void wait_for_lock(const void* object) noexcept {
  MILLPOOL_ASSERT(self.in != nullptr, "outside a run there is nobody to unlock");
  (void)self.in->sleep(self.part, object, no_deadline, actor::state::awaits_lock);
}

void wake(const void* object, std::size_t count) noexcept {
  if (self.in != nullptr) self.in->wake(object, count);
}

bool keep_back(void* object, std::uint64_t bits, store_to by) noexcept {
  return self.in != nullptr &&
         self.in->keep_back(self.part, {.object = object, .bits = bits, .by = by});
}

const std::uint64_t* kept_back(const void* object) noexcept {
  return self.in != nullptr ? self.in->kept_back(self.part, object) : nullptr;
}

void drain() noexcept {
  if (self.in != nullptr) self.in->drain(self.part);
}

void fence(const char* operation) noexcept {
  if (self.in == nullptr || !self.in->keeps(self.part)) return;
  step(operation, nullptr);
  drain();
}

void light_barrier() noexcept {
  if (self.in == nullptr || !self.in->fences()) return;
  if (!planted(fault::light_barrier_does_nothing)) fence("light_barrier");
}

void heavy_barrier() noexcept {
  if (self.in == nullptr) return;
  step("heavy_barrier", nullptr);
  if (planted(fault::heavy_barrier_does_nothing)) return;
  if (self.in->fences()) {
    drain();
  } else {
    self.in->fence_everybody(self.part);
  }
}

void forget(const void* object) noexcept {
  if (self.in != nullptr) self.in->forget(object);
}

}  // namespace millpool::explore

// In the place of src/base/assert.cpp: in a run, a broken precondition is a finding like any other.
void millpool::assertion_failed(const char* rule, const char* sentence, const char* file,
                                int line) noexcept {
  millpool::explore::check(
      false, std::string{sentence} + " (" + rule + ", " + file + ':' + std::to_string(line) + ')');
  std::abort();
}

// In the place of src/base/clock.cpp: a run that read a real clock would not be the same twice.
const millpool::clock& millpool::steady() noexcept {
  static const explore::virtual_clock of_the_run;
  return of_the_run;
}
