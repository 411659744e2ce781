// Spans as OTLP has them in JSON.
#pragma once

#include "millpool/otlp_exporter.hpp"
#include "millpool/pool/span_info.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>

namespace millpool::admin {

/// A span that waits to be sent: a span_info that owns what it tells, by the time of day.
struct kept_span {
  /// \param  epoch  when the pool's clock was 0.
  kept_span(const span_info& of, std::chrono::system_clock::time_point epoch);

  span_kind kind;
  trace_context context;
  std::array<std::uint8_t, 8> parent;
  std::string pool;
  std::string task_class;
  unsigned priority;
  unsigned attempt;
  std::chrono::system_clock::time_point start;
  std::chrono::system_clock::time_point end;
  std::optional<submit_errc> refused;
  std::optional<task_state> state;
  std::string error;
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
