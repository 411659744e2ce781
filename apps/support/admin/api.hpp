// What the admin server answers, without its sockets.
#pragma once

#include "millpool/admin_server.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millpool::admin {

/// A request, as far as it matters here.
struct request {
  std::string method;
  std::string target;  ///< "/path?query", as it came
  std::string body;
  /// The value of a header, by its name in lower case; empty: it has none.
  std::function<std::string_view(std::string_view name)> header;
};

struct answer {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};
  bool is_event_stream = false;  ///< no body: events follow, until the client goes
};

/// Turns requests into answers, and does to the pools what they ask for.
///
/// Thread safety  every member may be called concurrently.
class api {
 public:
  /// For all pools of this process.
  explicit api(const admin_options& options)
      : options_{options}, log_{options.log.value_or(admin_log{})} {}
  /// \param  pools  outlive this object.
  api(std::vector<std::reference_wrapper<worker_pool>> pools, const admin_options& options);

  [[nodiscard]] answer handle(const request& asked);
  /// What an event stream is sent: the state of all pools, as JSON in one line.
  [[nodiscard]] std::string event() const;

  void set_draining() noexcept { draining_ = true; }

 private:
  [[nodiscard]] std::optional<answer> refusal_of(const request& asked) const;
  [[nodiscard]] answer steer(worker_pool& pool, const std::string& name,
                             const std::string& body) const;
  [[nodiscard]] answer of_pool(const request& asked, const std::string& name);
  [[nodiscard]] answer of_alarms(const request& asked) const;
  [[nodiscard]] answer of_queue(const std::string& name) const;
  [[nodiscard]] answer readiness() const;
  [[nodiscard]] answer drain();
  [[nodiscard]] std::vector<pool_stats> stats() const;
  /// The same as millpool::with_pool(), among ours.
  bool with_pool(std::string_view name, const std::function<void(worker_pool&)>& f) const;
  [[nodiscard]] bool is_draining() const;

  struct named_pool {
    std::string name;  // no other has it
    worker_pool* pool;
  };
  std::optional<std::vector<named_pool>> pools_{};  // none: all of this process
  const admin_options options_;
  const admin_log log_;
  std::atomic<bool> draining_{false};
};

}  // namespace millpool::admin
