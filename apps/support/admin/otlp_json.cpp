#include "apps/support/admin/otlp_json.hpp"

#include "apps/support/admin/pool_json.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace millpool::admin {
namespace {

using json = nlohmann::ordered_json;

json attribute(std::string_view name, std::string_view value) {
  return {{"key", name}, {"value", {{"stringValue", value}}}};
}
// As protobuf's JSON has 64 bits: in quotes.
json attribute(std::string_view name, unsigned value) {
  return {{"key", name}, {"value", {{"intValue", std::to_string(value)}}}};
}

std::string nanoseconds(std::chrono::system_clock::time_point when) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
}

// OpenTelemetry's numbers: producer, internal, consumer.
int kind_of(span_kind kind) {
  switch (kind) {
    case span_kind::submit:
      return 4;
    case span_kind::wait:
      return 1;
    case span_kind::run:
      return 5;
  }
  return 0;
}

// That of a task which was told to stop is no error.
std::optional<std::string> error_of(const span_info& span) {
  if (span.refused) return std::string{to_string(*span.refused)};
  if (!span.state || *span.state == task_state::succeeded || *span.state == task_state::cancelled) {
    return std::nullopt;
  }
  return std::string{span.error.empty() ? to_string(*span.state) : span.error};
}

json attributes_of(const kept_span::of_task& task) {
  json out = json::array();
  out.push_back(attribute("millpool.pool", task.pool));
  if (!task.task_class.empty()) out.push_back(attribute("millpool.task_class", task.task_class));
  out.push_back(attribute("millpool.priority", task.priority));
  out.push_back(attribute("millpool.attempt", task.attempt));
  if (task.state) out.push_back(attribute("millpool.outcome", to_string(*task.state)));
  if (task.refused) out.push_back(attribute("millpool.refused", to_string(*task.refused)));
  return out;
}

json json_of(const kept_span& span) {
  constexpr int is_error = 2;
  json out{{"traceId", span.context.trace_id_text()},
           {"spanId", span.context.span_id_text()},
           {"flags", span.context.flags},
           {"name", span.name},
           {"kind", span.kind},
           {"startTimeUnixNano", nanoseconds(span.start)},
           {"endTimeUnixNano", nanoseconds(span.end)}};
  if (span.parent) {
    trace_context parent = span.context;
    parent.span_id = *span.parent;
    out["parentSpanId"] = parent.span_id_text();
  }
  if (span.context.tracestate) out["traceState"] = *span.context.tracestate;
  if (span.task) out["attributes"] = attributes_of(*span.task);
  if (span.error) out["status"] = {{"code", is_error}, {"message", *span.error}};
  return out;
}

}  // namespace

kept_span::kept_span(const span_info& of, std::chrono::system_clock::time_point epoch)
    : name{of.task_class.empty() ? of.pool : of.task_class},
      kind{kind_of(of.kind)},
      context{of.context},
      parent{of.parent},
      start{epoch + of.start.time_since_epoch()},
      end{epoch + of.end.time_since_epoch()},
      task{of_task{std::string{of.pool}, std::string{of.task_class}, of.priority, of.attempt,
                   of.refused, of.state}},
      error{error_of(of)} {
  name.append(" ").append(to_string(of.kind));
}

kept_span::kept_span(std::string called, const trace_context& self,
                     std::optional<std::array<std::uint8_t, 8>> of,
                     std::chrono::system_clock::time_point began,
                     std::chrono::system_clock::time_point ended,
                     std::optional<std::string> failure)
    : name{std::move(called)},
      kind{2},  // server
      context{self},
      parent{of},
      start{began},
      end{ended},
      error{std::move(failure)} {}

std::string otlp_request(const otlp_options& options, std::span<const kept_span> spans) {
  json resource = json::array();
  resource.push_back(attribute("service.name", options.service_name));
  resource.push_back(attribute("telemetry.sdk.name", "millpool"));
  resource.push_back(attribute("telemetry.sdk.language", "cpp"));
  resource.push_back(attribute("telemetry.sdk.version", MILLPOOL_VERSION));
  for (const auto& [name, value] : options.resource) resource.push_back(attribute(name, value));
  json all = json::array();
  for (const kept_span& each : spans) all.push_back(json_of(each));
  const json scope{{"scope", {{"name", "millpool"}, {"version", MILLPOOL_VERSION}}},
                   {"spans", std::move(all)}};
  return text_of(
      {{"resourceSpans", json::array({{{"resource", {{"attributes", std::move(resource)}}},
                                       {"scopeSpans", json::array({scope})}}})}});
}

otlp_rejection rejection_in(const std::string& body) {
  const json said = json::parse(body, nullptr, false);
  if (!said.is_object() || !said.contains("partialSuccess")) return {};
  const json& part = said["partialSuccess"];
  if (!part.is_object()) return {};
  otlp_rejection out;
  // In quotes, as 64 bits are; some collectors leave these out.
  const json number = part.value("rejectedSpans", json{});
  if (number.is_number_unsigned()) out.spans = number.get<std::uint64_t>();
  if (number.is_string()) {
    try {
      out.spans = std::stoull(number.get<std::string>());
    } catch (const std::exception&) {
      out.spans = 0;
    }
  }
  const json why = part.value("errorMessage", json{});
  if (why.is_string()) out.why = why.get<std::string>();
  return out;
}

}  // namespace millpool::admin
