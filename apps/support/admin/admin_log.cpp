#include "millpool/admin_log.hpp"

#include "apps/support/admin/pool_json.hpp"
#include "millpool/sync/mutex.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <sstream>
#include <utility>

namespace millpool {
namespace {

using json = nlohmann::ordered_json;
using seconds = std::chrono::duration<double>;

}  // namespace

class admin_log::body {
 public:
  explicit body(std::size_t capacity) : capacity_{std::max<std::size_t>(capacity, 1)} {}

  // From hooks, which must not throw: for want of memory it is not written.
  template <class Details>
  void add(std::string_view pool, std::string_view kind, Details details) noexcept {
    try {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      json entry{{"number", 0}, {"time", seconds{now}.count()}, {"pool", pool}, {"kind", kind}};
      entry.update(details());
      const lock_guard lock{mutex_};
      entry["number"] = sequence_ + 1;
      entries_.push_back(std::move(entry));
      ++sequence_;
      if (entries_.size() > capacity_) make_room();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): as above
    }
  }
  [[nodiscard]] std::uint64_t sequence() const {
    const lock_guard lock{mutex_};
    return sequence_;
  }
  [[nodiscard]] json all() const {
    const lock_guard lock{mutex_};
    json entries = json::array();
    for (const json& each : entries_) entries.push_back(each);
    return {{"sequence", sequence_}, {"entries", std::move(entries)}};
  }

 private:
  // With mutex_ held. Scaling decisions are many, and must not push out what is rare.
  void make_room() {
    const auto scaling =
        std::ranges::find_if(entries_, [](const json& each) { return each["kind"] == "scaling"; });
    entries_.erase(scaling != entries_.end() ? scaling : entries_.begin());
  }

  const std::size_t capacity_;
  mutable mutex mutex_;
  std::deque<json> entries_;    // guarded by mutex_, as the next
  std::uint64_t sequence_ = 0;  // the newest one's number
};

admin_log::admin_log(std::size_t capacity) : body_{std::make_shared<body>(capacity)} {}

pool_options admin_log::watch(pool_options options) const {
  const auto log = body_;
  const std::string pool = options.name;
  if (options.scaling.decide) {
    options.scaling.on_decision = [log, pool, before = std::move(options.scaling.on_decision)](
                                      const scaling_decision& decided) {
      log->add(pool, "scaling", [&] {
        return json{{"from", decided.from},
                    {"to", decided.to},
                    {"rule", decided.rule},
                    {"event", to_string(decided.inputs.event)},
                    {"waiting", decided.inputs.waiting},
                    {"oldest_wait", seconds{decided.inputs.oldest_wait}.count()}};
      });
      if (before) before(decided);
    };
  }
  options.on_stuck = [log, before = std::move(options.on_stuck)](const stuck_info& found) {
    log->add(found.pool, "stuck", [&] {
      return json{{"worker", found.worker},
                  {"class", found.task_class},
                  {"task", found.task},
                  {"age", seconds{found.age}.count()},
                  {"cpu", seconds{found.cpu}.count()},
                  {"doing", to_string(found.doing)},
                  {"stack", found.stack},
                  {"why_no_stack", found.why_no_stack}};
    });
    if (before) before(found);
  };
  options.on_deadlock = [log, before = std::move(options.on_deadlock)](const deadlock_info& found) {
    log->add(found.pool, "deadlock", [&] {
      std::ostringstream text;
      text << found;
      return json{{"text", text.str()}};
    });
    if (before) before(found);
  };
  return options;
}

void admin_log::add_change(const std::string& pool, const std::string& action,
                           const std::vector<option_change>& changes) const {
  body_->add(pool, "steered", [&] {
    return json{{"action", action}, {"changes", admin::json_of(changes)}};
  });
}

std::uint64_t admin_log::sequence() const { return body_->sequence(); }

std::string admin_log::to_json() const { return admin::text_of(body_->all()); }

}  // namespace millpool
