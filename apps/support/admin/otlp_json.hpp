// Spans as OTLP has them in JSON.
#pragma once

#include "millpool/otlp_exporter.hpp"
#include "millpool/pool/span_info.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace millpool::admin {

/// A span that waits to be sent.
struct kept_span {
  /// What a pool tells. \param  epoch  when the pool's clock was 0.
  kept_span(const span_info& of, std::chrono::system_clock::time_point epoch);
  /// That of a request.
  kept_span(std::string name, const trace_context& context,
            std::optional<std::array<std::uint8_t, 8>> parent,
            std::chrono::system_clock::time_point start, std::chrono::system_clock::time_point end,
            std::optional<std::string> error);

  /// Of the task that it tells of.
  struct of_task {
    std::string pool;
    std::string task_class;
    unsigned priority;
    unsigned attempt;
    std::optional<submit_errc> refused;
    std::optional<task_state> state;
  };

  std::string name;
  int kind;  ///< OpenTelemetry's number
  trace_context context;
  std::optional<std::array<std::uint8_t, 8>> parent;
  std::chrono::system_clock::time_point start;
  std::chrono::system_clock::time_point end;
  std::optional<of_task> task;
  std::optional<std::string> error;  ///< of one that has failed
};

/// An ExportTraceServiceRequest. What is not UTF-8 in names is mended.
[[nodiscard]] std::string otlp_request(const otlp_options& options,
                                       std::span<const kept_span> spans);

/// What the collector says that it did not take: so many spans, and why.
struct otlp_rejection {
  std::uint64_t spans = 0;
  std::string why{};
};
/// \param  body  of an answer of 200.
[[nodiscard]] otlp_rejection rejection_in(const std::string& body);

}  // namespace millpool::admin
