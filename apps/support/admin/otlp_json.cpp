#include "apps/support/admin/otlp_json.hpp"

#include "apps/support/admin/pool_json.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>

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
json status_of(const kept_span& span) {
  constexpr int is_error = 2;
  if (span.refused) return {{"code", is_error}, {"message", to_string(*span.refused)}};
  if (!span.state || *span.state == task_state::succeeded || *span.state == task_state::cancelled) {
    return json::object();
  }
  if (!span.error.empty()) return {{"code", is_error}, {"message", span.error}};
  return {{"code", is_error}, {"message", to_string(*span.state)}};
}

json json_of(const kept_span& span) {
  json attributes = json::array();
  attributes.push_back(attribute("millpool.pool", span.pool));
  if (!span.task_class.empty()) {
    attributes.push_back(attribute("millpool.task_class", span.task_class));
  }
  attributes.push_back(attribute("millpool.priority", span.priority));
  attributes.push_back(attribute("millpool.attempt", span.attempt));
  if (span.state) attributes.push_back(attribute("millpool.outcome", to_string(*span.state)));
  if (span.refused) attributes.push_back(attribute("millpool.refused", to_string(*span.refused)));
  trace_context parent = span.context;
  parent.span_id = span.parent;
  json out{{"traceId", span.context.trace_id_text()},
           {"spanId", span.context.span_id_text()},
           {"parentSpanId", parent.span_id_text()},
           {"flags", span.context.flags},
           {"name", (span.task_class.empty() ? span.pool : span.task_class) + " " +
                        std::string{to_string(span.kind)}},
           {"kind", kind_of(span.kind)},
           {"startTimeUnixNano", nanoseconds(span.start)},
           {"endTimeUnixNano", nanoseconds(span.end)},
           {"attributes", std::move(attributes)},
           {"status", status_of(span)}};
  if (span.context.tracestate) out["traceState"] = *span.context.tracestate;
  return out;
}

}  // namespace

kept_span::kept_span(const span_info& of, std::chrono::system_clock::time_point epoch)
    : kind{of.kind},
      context{of.context},
      parent{of.parent},
      pool{of.pool},
      task_class{of.task_class},
      priority{of.priority},
      attempt{of.attempt},
      start{epoch + of.start.time_since_epoch()},
      end{epoch + of.end.time_since_epoch()},
      refused{of.refused},
      state{of.state},
      error{of.error} {}

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
