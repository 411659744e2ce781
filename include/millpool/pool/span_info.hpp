// Layer 3 · pool: a part of a traced task's way, as pool_options::on_span sees it.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millpool {

enum class span_kind : std::uint8_t {
  submit,  ///< from the call of a submission to its answer
  wait,    ///< from that call to the task's start, or to its end without one
  run,     ///< from its start to its end: what it submits itself belongs there
};
[[nodiscard]] std::string_view to_string(span_kind kind) noexcept;

/// The views last until the hook returns.
struct span_info {
  span_kind kind;
  trace_context context;               ///< whose span_id is this span's
  std::array<std::uint8_t, 8> parent;  ///< of submit, what its submitter did; of the others, submit
  std::string_view pool;
  std::string_view task_class;  ///< empty if it has none
  unsigned priority;            ///< 0 (the highest) to 7
  unsigned attempt;             ///< from 1
  time_point start;             ///< by the pool's clock, as is the next
  time_point end;
  std::optional<submit_errc> refused{};  ///< of submit: there is no other span then
  std::optional<task_state> state{};     ///< how the task ended, if it did with this span
  std::string_view error{};              ///< what() of what it threw, at most 256 bytes
};

}  // namespace millpool
