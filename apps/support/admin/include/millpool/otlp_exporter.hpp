// What a pool's tasks did, span by span, for a collector of OpenTelemetry. Link millpool::admin.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millpool {

struct otlp_options {
  /// Of the collector; "/v1/traces" is added.
  std::string endpoint = "http://localhost:4318";
  std::string traces_url{};  ///< the whole of it, in its place; empty: none
  std::string service_name = "unknown_service";
  double sample_ratio = 1.0;  ///< of those that a request_span begins, 0 to 1
  std::vector<std::pair<std::string, std::string>> headers{};   ///< of each request, such as a key
  std::vector<std::pair<std::string, std::string>> resource{};  ///< more attributes of the process
  std::size_t capacity = 2048;                                  ///< spans that wait; at least batch
  std::size_t batch = 512;                                      ///< spans in a request; at least 1
  duration interval = std::chrono::seconds{5};  ///< before a batch that is not full; up to a day
  duration timeout = std::chrono::seconds{10};  ///< for a request
  unsigned max_attempts = 5;                    ///< for a batch; at least 1
  duration backoff = std::chrono::seconds{1};   ///< before the second attempt; twice as long each
};

/// The same from the variables that OpenTelemetry names: OTEL_EXPORTER_OTLP_ENDPOINT, or
/// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME,
/// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER_ARG. What is not set is as by default.
/// \throws std::invalid_argument that names the variable.
[[nodiscard]] otlp_options otlp_options_from_environment();

/// Takes the spans of pools, and sends them in batches, on a thread of its own: OTLP over HTTP, as
/// JSON.
///
///   millpool::otlp_exporter traces{{.service_name = "shop"}};
///   millpool::worker_pool orders{traces.watch({.name = "orders"})};
///   ...
///   const auto caller = millpool::trace_context::parse(header);
///   const millpool::request_span here{traces, "GET /orders", caller};
///   orders.post(handler);
///
/// A span costs its task a lock and a copy; it never waits for the network.
/// Loss           what comes while `capacity` wait is dropped and counted. A batch is sent again
///                where the collector asks for that (429, 502, 503, 504) or was not reached, up to
///                max_attempts times; else it is counted as failed, and told on standard error.
/// End            the destructor lets a request that is under way end, and sends what waits, once:
///                each takes at most `timeout`.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
///                The pools may outlive it: what they tell then is dropped.
class otlp_exporter {
 public:
  /// \throws std::invalid_argument that names the option.
  explicit otlp_exporter(otlp_options options = {});
  ~otlp_exporter();
  otlp_exporter(const otlp_exporter&) = delete;
  otlp_exporter& operator=(const otlp_exporter&) = delete;

  /// The same options, with an on_span that tells this, and then does what it did before. The time
  /// of day at which a span is told to have begun is as far off as the pool's clock has drifted
  /// from it since.
  [[nodiscard]] pool_options watch(pool_options options) const;

  /// Waits until all that was told has been sent or given up, for at most `limit`.
  bool flush(duration limit);

  struct counts {
    std::uint64_t exported = 0;  ///< spans that the collector has taken
    std::uint64_t dropped = 0;   ///< for want of room
    std::uint64_t failed = 0;    ///< that the collector did not take
  };
  [[nodiscard]] counts so_far() const;

 private:
  friend class request_span;
  class body;
  std::shared_ptr<body> body_;
};

/// The span of a request, from here to its end. What this thread does meanwhile belongs to it, and
/// with it the tasks that it submits.
class request_span {
 public:
  /// \param  to    outlives this.
  /// \param  name  such as "GET /orders"; few different ones.
  /// \param  from  what the request brought; nothing: a trace begins, sampled as sample_ratio says.
  request_span(otlp_exporter& to, std::string name, const std::optional<trace_context>& from);
  ~request_span();
  request_span(const request_span&) = delete;
  request_span& operator=(const request_span&) = delete;

  /// It has failed, and why.
  void fail(std::string why) { error_ = std::move(why); }
  /// For the header of what it asks others for.
  [[nodiscard]] const trace_context& context() const noexcept { return context_; }

 private:
  otlp_exporter& to_;
  std::string name_;
  std::optional<std::string> error_{};
  const std::optional<std::array<std::uint8_t, 8>> parent_;
  const trace_context context_;
  const std::chrono::system_clock::time_point start_;
  const trace_scope here_{&context_};
};

}  // namespace millpool
