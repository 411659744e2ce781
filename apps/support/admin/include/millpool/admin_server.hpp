// A program's pools over HTTP: seen, steered, drained. Link millpool::admin.
#pragma once

#include "millpool/admin_log.hpp"
#include "millpool/alarm_service.hpp"
#include "millpool/pool/worker_pool.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millpool {

struct admin_options {
  /// An address, or "localhost"; 0.0.0.0 or :: for all of this machine's.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: one that is free, see admin_server::port()
  /// What a request has to bring as "Authorization: Bearer …", but for /livez and /readyz. Must be
  /// set unless `host` is a loopback address.
  std::string token{};
  /// Asked before a pool gets other options: throws std::invalid_argument, whose text is told,
  /// where the program could not bear them. Unset: all that reconfigure() takes.
  std::function<void(const pool_options& wanted)> check{};
  /// The options that may be changed, by name; empty: all that reconfigure() takes.
  std::vector<std::string> changeable{};
  bool read_only = false;  ///< nothing is changed: every POST is refused
  std::size_t max_connections = 64;
  std::size_t max_body = 65'536;  ///< bytes; of a request
  std::chrono::nanoseconds timeout =
      std::chrono::seconds{10};  ///< for a request to come, or an answer to go
  std::chrono::nanoseconds event_interval = std::chrono::milliseconds{500};
  std::optional<admin_log> log{};   ///< shown; what is changed by hand is written there, too
  alarm_service* alarms = nullptr;  ///< outlives the server; null: there is no /api/v1/alarms
  /// Somebody wants this process to end in order, by POST /api/v1/drain. On the server's thread;
  /// should return at once. Unset: the request is refused.
  std::function<void()> on_drain{};
};

/// An HTTP server for the pools of a program, on a thread of its own.
///
///   millpool::worker_pool orders{{.name = "orders"}};
///   millpool::admin_server admin{{orders}, {.port = 9464}};
///
///   GET  /metrics                    all pools of the process, for Prometheus
///   GET  /livez                      200
///   GET  /readyz                     200; 503 once set_draining() was called, or a pool is closed
///   GET  /api/v1/pools[/NAME]        what the pools do, as JSON
///   POST /api/v1/pools/NAME          {"action": "pause" | "resume" | "resize" | "reconfigure", …}
///   GET  /api/v1/queues/NAME/scale   {"value": tasks that wait}, for KEDA's metrics-api
///   GET  /api/v1/events              the pools again and again, as server-sent events
///   GET  /api/v1/log                 the last entries of admin_options::log
///   GET  /api/v1/alarms              the alarms' options; POST: others, as parse_alarm_options()
///   POST /api/v1/drain               see admin_options::on_drain
///
/// Security       loopback and nothing else, unless there is a token. A request must come under a
///                name of this machine, and one that changes something must be JSON and come from
///                no other site: so no page in a browser can reach it (DNS rebinding, CSRF).
/// Its thread     calls the pools: so their hooks may be called there, as by resize(), and one that
///                waits keeps the server from all else.
/// Limits         a header of 8 KiB, a body of max_body, max_connections at once, of which half may
///                be event streams, timeout for each request and each answer. What exceeds one is
///                refused, and its connection closed.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
/// Lifetime       ends before the pools that were named to it.
class admin_server {
 public:
  /// For these pools; /metrics has all of the process. \throws std::invalid_argument that names
  /// the option; std::system_error if the address cannot be had.
  admin_server(std::vector<std::reference_wrapper<worker_pool>> pools,
               const admin_options& options);
  /// For all pools of the process, whenever they are made and end.
  explicit admin_server(const admin_options& options = {});
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "http://127.0.0.1:9464"
  [[nodiscard]] std::string url() const;

  /// From here on /readyz says 503: no new work is to be sent here.
  void set_draining() noexcept;

 private:
  class body;
  std::unique_ptr<body> body_;
};

/// Whether no other machine can reach its host. \throws std::invalid_argument: that is no address.
[[nodiscard]] bool is_loopback(const admin_options& options);

/// "http://127.0.0.1:9464"
[[nodiscard]] std::string url_of(const admin_options& options);
/// "127.0.0.1:9464", "[::1]:9464", ":9464" (loopback), "9464": for a flag.
/// \return the host and port in options. \throws std::invalid_argument.
[[nodiscard]] admin_options parse_admin_address(const std::string& text);

}  // namespace millpool
