// Tells people of pools in trouble: looks, and sends. Link millpool::admin.
#pragma once

#include "millpool/admin_log.hpp"
#include "millpool/pool_alarms.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millpool {

/// Where an alarm goes.
struct alarm_sink {
  std::string url{};  ///< http:// or https://, which gets a POST; empty: one line on standard error
  alarm_format format = alarm_format::plain;  ///< of the POST's body

  friend bool operator==(const alarm_sink&, const alarm_sink&) = default;
};

struct alarm_options {
  std::vector<alarm_rule> rules{};
  std::vector<alarm_sink> sinks{};
  std::chrono::nanoseconds interval = std::chrono::seconds{1};  ///< between looks; at least 1 ms
};

/// From JSON, times in seconds:
///   {"interval": 1,
///    "rules": [{"item": "capacity", "threshold": 0.8, "count": 3, "period": 60, "silence": 300},
///              {"item": "run_timeout", "longer_than": 5}],
///    "sinks": [{"type": "log"}, {"type": "feishu", "url": "https://…"}]}
/// A type is log, webhook, feishu, dingtalk or wecom. What is left out is as by default.
/// \throws std::invalid_argument: one sentence that names the place and the value.
[[nodiscard]] alarm_options parse_alarm_options(std::string_view text);
/// The other way round, in one line. \param  secrets  whether what follows a sink's host is shown,
/// which may hold a token.
[[nodiscard]] std::string to_json(const alarm_options& options, bool secrets);

/// Looks at all pools of the process, and sends what rings, on a thread of its own.
///
/// Sending        each alarm to each sink, one after the other, for at most five seconds each. One
///                that fails is told on standard error, and not tried again: the next alarm is.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
///                The destructor waits for a POST that is under way.
class alarm_service {
 public:
  /// Sends the body to the URL. \return what went wrong; empty: nothing.
  using sender = std::function<std::string(const std::string& url, const std::string& body)>;

  /// \param   log   where changes of the options are written.
  /// \param   send  unset: by libcurl.
  /// \throws  std::invalid_argument as alarm_watch does, or for a sink.
  explicit alarm_service(alarm_options options, admin_log log = admin_log{}, sender send = {});
  ~alarm_service();
  alarm_service(const alarm_service&) = delete;
  alarm_service& operator=(const alarm_service&) = delete;

  [[nodiscard]] alarm_options options() const;
  /// Other options from here on, all of them; alarms that were silent may ring again.
  /// \return what changed. \throws std::invalid_argument; nothing has changed.
  std::vector<option_change> reconfigure(alarm_options options);
  /// Takes its options from this file, now and whenever it has changed: seen by the next look. What
  /// cannot be read, or be, is told on standard error, and the old ones stay in force.
  /// \throws std::invalid_argument if that is so now.
  void watch_file(const std::string& path);

 private:
  class body;
  std::unique_ptr<body> body_;
};

}  // namespace millpool
