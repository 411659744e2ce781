// Which schedules are run, and in which order.
#include "millpool/base/assert.hpp"
#include "tests/support/explore/explore.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <sstream>
#include <utility>

namespace millpool::explore {
namespace {

using decisions = std::vector<std::uint8_t>;

// "0x14 1 0x3": fourteen times the first option, once the second, three times the first.
std::string written(const decisions& trace) {
  std::string text;
  for (std::size_t i = 0; i < trace.size();) {
    std::size_t same = i;
    while (same < trace.size() && trace[same] == trace[i]) ++same;
    if (!text.empty()) text += ' ';
    text += std::to_string(trace[i]);
    if (same - i > 1) text += 'x' + std::to_string(same - i);
    i = same;
  }
  return text;
}

decisions read(const std::string& text) {
  decisions trace;
  std::istringstream words{text};
  for (std::string word; words >> word;) {
    const auto cross = word.find('x');
    const std::size_t times = cross == std::string::npos ? 1 : std::stoul(word.substr(cross + 1));
    trace.insert(trace.end(), times, static_cast<std::uint8_t>(std::stoul(word)));
  }
  return trace;
}

class follower final : public decider {
 public:
  explicit follower(decisions trace) : trace_{std::move(trace)} {}
  std::size_t decide(std::span<const option> options) override {
    const std::size_t wanted = at_ < trace_.size() ? trace_[at_++] : 0;
    return std::min(wanted, options.size() - 1);
  }

 private:
  decisions trace_;
  std::size_t at_ = 0;
};

/// Schedules by the number of their pre-emptions, each once: a run follows the beginning that it
/// was given, then lets everybody go on as long as they can, and leaves each way not taken for
/// later.
class systematic final : public decider {
 public:
  explicit systematic(std::size_t kept_max) : kept_max_{kept_max} {}

  // Prepares the next run. Returns false if there is none.
  bool next() {
    if (std::exchange(first_, false)) return true;
    if (now_.empty()) {
      now_.swap(later_);
      ++bound_;
    }
    if (now_.empty()) return false;
    const beginning from = std::move(now_.back());
    now_.pop_back();
    begun_.assign(from.trace->begin(), from.trace->begin() + from.same);
    begun_.push_back(from.other);
    const std::size_t length = trace_->size();
    trace_ = std::make_shared<decisions>();
    trace_->reserve(length);  // about as many as before
    return true;
  }

  std::size_t decide(std::span<const option> options) override {
    const std::size_t at = trace_->size();
    if (at < begun_.size()) {
      MILLPOOL_ASSERT(begun_[at] < options.size(),
                      "a run that begins as another did goes on as that did: no real clock in it");
      trace_->push_back(begun_[at]);
      return begun_[at];
    }
    for (std::size_t i = 1; i < options.size(); ++i) {
      auto& to = options[i].costs ? later_ : now_;
      if (to.size() < kept_max_) {
        to.push_back(without(i));
      } else {
        dropped_ = true;
        if (const auto place = random_() % (kept_max_ * 2); place < kept_max_)
          to[place] = without(i);
      }
    }
    trace_->push_back(0);
    return 0;
  }

  [[nodiscard]] const decisions& trace() const { return *trace_; }
  [[nodiscard]] std::size_t bound() const { return bound_; }
  [[nodiscard]] bool dropped() const { return dropped_; }

 private:
  // The first decisions of a run, and then another: those that begin as one run do share its trace.
  struct beginning {
    std::shared_ptr<const decisions> trace;
    std::uint32_t same;
    std::uint8_t other;
  };
  [[nodiscard]] beginning without(std::size_t i) const {
    return {.trace = trace_,
            .same = static_cast<std::uint32_t>(trace_->size()),
            .other = static_cast<std::uint8_t>(i)};
  }

  std::size_t kept_max_;
  std::vector<beginning> now_;    // with bound_ pre-emptions
  std::vector<beginning> later_;  // with one more
  std::size_t bound_ = 0;
  bool first_ = true;
  bool dropped_ = false;
  decisions begun_;
  std::shared_ptr<decisions> trace_ = std::make_shared<decisions>();
  std::minstd_rand random_;
};

/// Two kinds of chance, in turn: threads of random priority that change it at a few random moments
/// (after Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding
/// bugs"), and a coin at each decision.
class by_chance final : public decider {
 public:
  explicit by_chance(std::uint64_t seed) : random_{seed} {}

  void next() {
    length_ = std::max<std::size_t>(length_, trace_.size());
    trace_.clear();
    coins_ = !coins_;
    for (auto& each : priority_) each = 1'000 + random_() % 1'000'000;
    for (auto& each : changes_) each = random_() % (length_ + 1);
  }

  std::size_t decide(std::span<const option> options) override {
    const std::size_t at = trace_.size();
    std::size_t chosen = 0;
    if (coins_ || std::ranges::none_of(options, [](const option& o) { return !o.sleeping; })) {
      chosen = random_() % options.size();
      if (options[chosen].sleeping && random_() % 4 != 0) chosen = 0;
    } else {
      if (std::ranges::find(changes_, at) != changes_.end()) priority_of(options[0]) = at % 1'000;
      for (std::size_t i = 1; i < options.size(); ++i) {
        const bool may = !options[i].sleeping || random_() % 16 == 0;
        if (may && priority_of(options[i]) > priority_of(options[chosen])) chosen = i;
      }
    }
    trace_.push_back(static_cast<std::uint8_t>(chosen));
    return chosen;
  }

  [[nodiscard]] const decisions& trace() const { return trace_; }

 private:
  // A store buffer is like one more thread.
  std::uint64_t& priority_of(const option& each) {
    return priority_[each.thread + (each.flushes ? priority_.size() / 2 : 0)];
  }

  std::mt19937_64 random_;
  bool coins_ = false;
  std::array<std::uint64_t, 16> priority_{};
  std::array<std::size_t, 3> changes_{};
  std::size_t length_ = 0;
  decisions trace_;
};

run_settings settings_of_a_run(const settings& how) {
  return {.planted = how.planted,
          .early_wakes = how.early_wakes,
          .store_buffers = how.store_buffers,
          .fences = how.fences};
}

}  // namespace

outcome replay(const run_once& program, const settings& how, const std::string& trace) {
  outcome found{.schedules = 1, .trace = trace};
  follower decide{read(trace)};
  run_settings each = settings_of_a_run(how);
  each.story = &found.story;
  found.failure = program(decide, each).value_or("");
  return found;
}

outcome walk(const run_once& program, const settings& how) {
  outcome found;
  const run_settings each = settings_of_a_run(how);
  const auto run_with = [&](decider& decide, const decisions& trace) {
    ++found.schedules;
    if (const auto failure = program(decide, each)) {
      found.failure = *failure;
      found.trace = written(trace);
      found.story = replay(program, how, found.trace).story;
    }
    return found.failure.empty();
  };

  // Two thirds by system, and what is left by chance: deep schedules are seen as well as near ones.
  const std::size_t by_system = how.schedules * 2 / 3;
  systematic system{by_system};
  while (found.schedules < by_system && !found.exhausted) {
    if (!system.next()) {
      found.exhausted = !system.dropped();
      break;
    }
    found.bound = system.bound();
    if (!run_with(system, system.trace())) return found;
  }
  by_chance chance{how.seed};
  while (found.schedules < how.schedules && !found.exhausted) {
    chance.next();
    if (!run_with(chance, chance.trace())) return found;
  }
  return found;
}

}  // namespace millpool::explore
