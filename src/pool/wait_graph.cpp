#include "src/pool/wait_graph.hpp"

#include "src/pool/pool_core.hpp"

#include <algorithm>
#include <ranges>
#include <string>
#include <utility>

namespace millpool {

bool wait_graph::has_circle() {
  const std::size_t last = nodes_.size() - 1;
  found_.clear();
  queue_.assign(1, last);
  for (std::size_t at = 0; at < queue_.size(); ++at) {
    const std::size_t from = queue_[at];
    const bool closed = any_holder(from, [&](std::size_t holder) {
      if (holder == last) return true;
      node& next = nodes_[holder];
      if (!std::exchange(next.reached, true)) {
        next.reached_from = from;
        queue_.push_back(holder);
      }
      return false;
    });
    if (closed) {
      found_circle(from);
      return true;
    }
  }
  return false;
}

// Calls reach(index) for each that holds up what nodes_[of] waits for, until it returns true. A
// group's wait needs the end of all its tasks: so each of them counts, one that runs, and one that
// waits for a key.
template <class Reach>
bool wait_graph::any_holder(std::size_t of, Reach reach) {
  const void* const owner = nodes_[of].who->awaits.wait->owner();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].who->runs(owner) && reach(i)) return true;
  }
  if (!any_key_held() || core_.takes_away()) return false;
  return core_.any_waits_for_key(owner, [&](const serial_key& key) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].who->has_key(key) && reach(i)) return true;
    }
    return false;
  });
}

bool wait_graph::any_key_held() const noexcept {
  return std::ranges::any_of(nodes_,
                             [](const node& each) { return each.who->has_key(std::nullopt); });
}

// \param  last  whose wait the first one holds up.
void wait_graph::found_circle(std::size_t last) {
  std::size_t on = nodes_.size() - 1;
  for (std::size_t at = last;; at = nodes_[at].reached_from) {
    const bool runs = nodes_[on].who->runs(nodes_[at].who->awaits.wait->owner());
    found_.push_back({at, on, runs ? deadlock_wait::cause::runs : deadlock_wait::cause::wants_key});
    if (at == nodes_.size() - 1) break;
    on = at;
  }
  std::ranges::reverse(found_);
}

bool wait_graph::is_at_a_standstill() {
  found_.clear();
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    const auto held_up = link_of(i);
    if (!held_up) return false;
    found_.push_back(*held_up);
  }
  return true;
}

// Why that wait cannot end, or nothing: perhaps it can.
std::optional<wait_graph::link> wait_graph::link_of(std::size_t waits) const {
  const task_wait& wait = *nodes_[waits].who->awaits.wait;
  const auto waiting = core_.look_for_waiting(wait.owner(), true);
  // It may have been woken for that one just now.
  if (waiting && wait.helps()) return std::nullopt;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].who->runs(wait.owner())) return link{waits, i, deadlock_wait::cause::runs};
  }
  if (!waiting) return std::nullopt;  // it has ended, or is none of this pool's
  return link{waits, std::nullopt, deadlock_wait::cause::wants_worker};
}

deadlock_info wait_graph::describe() const {
  deadlock_info info{core_.options().name, {}};
  const runner* const gives_up = victim();
  for (const link& each : found_) {
    const runner& who = *nodes_[each.waits].who;
    const void* const owner = who.awaits.wait->owner();
    const runner* const on = each.on ? nodes_[*each.on].who : nullptr;
    const class_record* awaited = nullptr;
    if (each.why == deadlock_wait::cause::runs) {
      awaited = on->class_of(owner);
    } else if (const auto waiting = core_.look_for_waiting(owner, !each.on)) {
      awaited = waiting->of_class;
    }
    info.waits.push_back({.worker = who.name(),
                          .task_class = std::string{name_of(who.class_of(nullptr))},
                          .awaited_class = std::string{name_of(awaited)},
                          .why = each.why,
                          .on = on != nullptr ? on->name() : std::string{},
                          .given_up = &who == gives_up});
  }
  return info;
}

void wait_graph::set_told() noexcept {
  for (const link& each : found_) nodes_[each.waits].who->awaits.is_told = true;
}

runner* wait_graph::victim() const noexcept {
  runner* best = nullptr;
  const auto worth = [](const runner& who) {
    return std::pair{who.awaits.wait->how(), who.awaits.number};
  };
  for (const link& each : found_) {
    runner& who = *nodes_[each.waits].who;
    if (who.awaits.wait->how() == task_wait::yields::never) continue;
    if (best == nullptr || worth(who) > worth(*best)) best = &who;
  }
  return best;
}

}  // namespace millpool
