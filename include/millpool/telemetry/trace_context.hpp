// Layer 1 · telemetry: which trace a thread works for, by W3C Trace Context.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millpool {

/// A place in a trace: the trace, and the span that is under way there. A value.
/// Source  W3C Trace Context, level 1 (2021), with the flag `random` of level 2.
struct trace_context {
  std::array<std::uint8_t, 16> trace_id{};  ///< not all zero
  std::array<std::uint8_t, 8> span_id{};    ///< not all zero; the header calls it parent-id
  std::uint8_t flags = 0;                   ///< bit 0: sampled; bit 1: the trace's id is random
  /// What others told about the trace, to be passed on as it came. Null: nothing.
  std::shared_ptr<const std::string> tracestate{};

  /// From the headers of a request. \return nothing, where `traceparent` is none: the request is to
  /// be treated as one without. What a later version adds to it is left out, and so is a
  /// `tracestate` that is longer than 512 bytes or has a control character.
  [[nodiscard]] static std::optional<trace_context> parse(std::string_view traceparent,
                                                          std::string_view tracestate = {});
  /// A new trace. \param  ratio  of all traces so many are sampled, 0 to 1: those that anybody
  ///                              samples who goes by OpenTelemetry's rule, and that ratio.
  [[nodiscard]] static trace_context start(double ratio = 1.0) noexcept;
  /// Another span in the same trace.
  [[nodiscard]] trace_context child() const noexcept;

  [[nodiscard]] bool is_sampled() const noexcept { return (flags & 1U) != 0; }
  /// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  [[nodiscard]] std::string traceparent() const;
  [[nodiscard]] std::string trace_id_text() const;
  [[nodiscard]] std::string span_id_text() const;

  /// What the calling thread works for: its innermost trace_scope's, or that of the task that it
  /// runs. Null: nothing is known. Lasts as long as those. Not across a co_await.
  [[nodiscard]] static const trace_context* current() noexcept;
  /// The same, for who goes on elsewhere.
  [[nodiscard]] static std::optional<trace_context> copy_of_current();
};

namespace detail {

// In the header, since each submission looks. Constinit: so no wrapper is called for it.
inline constinit thread_local const trace_context* trace_of_this_thread = nullptr;

}  // namespace detail

inline const trace_context* trace_context::current() noexcept {
  return detail::trace_of_this_thread;
}
inline std::optional<trace_context> trace_context::copy_of_current() {
  return current() != nullptr ? std::optional{*current()} : std::nullopt;
}

/// What this thread does meanwhile belongs to a trace, and with it the tasks that it submits: they
/// run in the same trace, wherever they run.
///
///   const auto asked = millpool::trace_context::parse(request["traceparent"]);
///   const millpool::trace_scope here{asked};
///   pool.post(handler);
class trace_scope {
 public:
  /// \param  of  outlives this; null: what is done here belongs to no trace.
  explicit trace_scope(const trace_context* of) noexcept : before_{detail::trace_of_this_thread} {
    detail::trace_of_this_thread = of;
  }
  explicit trace_scope(const std::optional<trace_context>& of) noexcept
      : trace_scope{of ? &*of : nullptr} {}
  explicit trace_scope(const std::optional<trace_context>&& of) = delete;  // it would be gone
  ~trace_scope() { detail::trace_of_this_thread = before_; }
  trace_scope(const trace_scope&) = delete;
  trace_scope& operator=(const trace_scope&) = delete;

 private:
  const trace_context* const before_;
};

}  // namespace millpool
