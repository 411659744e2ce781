#include "millpool/alarm_service.hpp"

#include "apps/support/admin/http_client.hpp"
#include "apps/support/io.hpp"
#include "millpool/pool/metrics.hpp"
#include "millpool/sync/signals_blocked.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

namespace millpool {
namespace {

void say(const std::string& line) noexcept { app::complain("millpool", line); }

// A bot says no with a status of 200: {"errcode": 310000, "errmsg": …}, {"code": 19001, "msg": …}.
std::string refusal_in(const std::string& said) {
  using json = nlohmann::json;
  const json answer = json::parse(said, nullptr, false);
  if (!answer.is_object()) return {};
  for (const auto& [code, why] : {std::pair{"errcode", "errmsg"}, std::pair{"code", "msg"}}) {
    const json number = answer.value(code, json{});
    const json text = answer.value(why, json{});
    if (number.is_number_integer() && text.is_string() && number != 0) {
      return "the answer is " + number.dump() + ", " + text.get<std::string>();
    }
  }
  return {};
}

std::string post(const std::string& url, const std::string& body) {
  const admin::http_answer answer = admin::http_send({.url = url, .body = body});
  if (!answer.wrong.empty()) return answer.wrong;
  if (answer.status >= 400) return "the answer is " + std::to_string(answer.status);
  return refusal_in(answer.body);
}

void check(const alarm_options& options) {
  (void)alarm_watch{options.rules};
  if (options.interval < std::chrono::milliseconds{1} ||
      options.interval > std::chrono::hours{24}) {
    throw std::invalid_argument{"alarm_options.interval: must be 1 ms to 24 h, is " +
                                std::to_string(options.interval.count()) + " ns"};
  }
  for (const alarm_sink& each : options.sinks) {
    if (each.url.empty() || admin::is_http_url(each.url)) continue;
    throw std::invalid_argument{"alarm_sink.url: must begin with http:// or https://, is '" +
                                each.url + "'"};
  }
}

// What tells a file that was written anew.
struct file_mark {
  std::filesystem::file_time_type time{};
  std::uintmax_t size = 0;

  static std::optional<file_mark> of(const std::string& path) {
    std::error_code bad;
    const auto time = std::filesystem::last_write_time(path, bad);
    const auto size = bad ? 0 : std::filesystem::file_size(path, bad);
    if (bad) return std::nullopt;
    return file_mark{time, size};
  }
  friend bool operator==(const file_mark&, const file_mark&) = default;
};

}  // namespace

class alarm_service::body {
 public:
  body(alarm_options options, admin_log log, sender send)
      : log_{std::move(log)}, send_{send ? std::move(send) : sender{post}} {
    check(options);
    options_ = std::move(options);
    const signals_blocked during_start;
    thread_ = std::jthread{[this](const std::stop_token& stop) { main(stop); }};
  }

  [[nodiscard]] alarm_options options() const {
    const std::lock_guard lock{mutex_};
    return options_;
  }

  std::vector<option_change> reconfigure(alarm_options wanted, const std::string& by) {
    check(wanted);
    const std::string to = to_json(wanted, false);
    std::vector<option_change> changes;
    {
      const std::lock_guard lock{mutex_};
      if (to_json(options_, true) != to_json(wanted, true)) {
        changes.push_back({"alarms", to_json(options_, false), to});
        options_ = std::move(wanted);
        is_new_ = true;
      }
    }
    changed_.notify_all();
    if (!changes.empty()) log_.add_change("", by, changes);
    return changes;
  }

  void watch_file(const std::string& path) {
    const auto mark = file_mark::of(path);
    take_options_from(path);
    const std::lock_guard lock{mutex_};
    path_ = path;
    seen_ = mark;
  }

 private:
  void main(const std::stop_token& stop) {
    alarm_watch watch{{}};
    std::set<std::string> known;
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
      lock.unlock();
      read_file_anew();
      lock.lock();
      if (std::exchange(is_new_, false)) watch = alarm_watch{options_.rules};
      const std::vector<alarm_sink> sinks = options_.sinks;
      const auto interval = options_.interval;
      lock.unlock();
      try {
        look(stop, watch, known, sinks);
      } catch (const std::exception& failure) {  // no memory, or a sender that throws
        say(std::string{"the alarms were not looked at: "} + failure.what());
      }
      lock.lock();
      changed_.wait_for(lock, stop, interval, [this] { return is_new_; });
    }
  }

  void look(const std::stop_token& stop, alarm_watch& watch, std::set<std::string>& known,
            const std::vector<alarm_sink>& sinks) {
    std::set<std::string> there;
    for (const pool_stats& each : stats_of_all_pools()) {
      there.insert(each.name);
      for (const pool_alarm& ring : watch.look(each, steady().now())) {
        for (const alarm_sink& sink : sinks) {
          if (!stop.stop_requested()) send(ring, sink);
        }
      }
    }
    for (const std::string& each : known) {
      if (!there.contains(each)) watch.forget(each);
    }
    known = std::move(there);
  }

  void send(const pool_alarm& ring, const alarm_sink& sink) {
    if (sink.url.empty()) {
      say("alarm " + std::string{to_string(ring.item)} + ": " + ring.text);
      return;
    }
    const std::string wrong = send_(sink.url, body_of(ring, sink.format));
    if (!wrong.empty()) say("an alarm was not sent: " + wrong);
  }

  // \throws std::invalid_argument that begins with the path.
  void take_options_from(const std::string& path) {
    const auto text = app::read_file(path);
    try {
      if (!text) throw std::invalid_argument{"it cannot be read: " + text.error().message()};
      reconfigure(parse_alarm_options(*text), "alarms from " + path);
    } catch (const std::invalid_argument& refusal) {
      throw std::invalid_argument{path + ": " + refusal.what()};
    }
  }

  void read_file_anew() {
    std::string path;
    {
      const std::lock_guard lock{mutex_};
      path = path_;
    }
    const auto mark = path.empty() ? std::nullopt : file_mark::of(path);
    {
      const std::lock_guard lock{mutex_};
      if (!mark || mark == seen_) return;
      seen_ = mark;
    }
    try {
      take_options_from(path);
    } catch (const std::invalid_argument& refusal) {
      say(std::string{refusal.what()} + "; the alarms stay as they are");
    }
  }

  const admin_log log_;
  const sender send_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  alarm_options options_;  // guarded by mutex_, as the next
  bool is_new_ = true;
  std::string path_;  // guarded by mutex_, as the next
  std::optional<file_mark> seen_;
  std::jthread thread_;
};

alarm_service::alarm_service(alarm_options options, admin_log log, sender send)
    : body_{std::make_unique<body>(std::move(options), std::move(log), std::move(send))} {}

alarm_service::~alarm_service() = default;

alarm_options alarm_service::options() const { return body_->options(); }

std::vector<option_change> alarm_service::reconfigure(alarm_options options) {
  return body_->reconfigure(std::move(options), "alarms");
}

void alarm_service::watch_file(const std::string& path) { body_->watch_file(path); }

}  // namespace millpool
