// Layer 3 · pool: tells of a traced task's way. A task whose submitter works for no trace has none
// of this.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/task.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <exception>
#include <expected>
#include <optional>
#include <string_view>

namespace millpool {

/// Whether on_span is to hear of it.
[[nodiscard]] inline bool has_spans(const pool_options& options,
                                    const task_extras* asked) noexcept {
  return asked != nullptr && asked->trace && asked->trace->works_for.is_sampled() &&
         options.on_span;
}

/// The submission of a task that has spans. What comes after is told as its child.
class submit_span {
 public:
  /// The task is the submitter's yet. \param  options  outlive this.
  submit_span(const pool_options& options, std::string_view of_class, unsigned lane,
              task_extras& asked);
  /// The answer, which it returns. The task may be gone.
  std::expected<void, submit_errc> tell(std::expected<void, submit_errc> answer) const;

 private:
  const pool_options& options_;
  std::string_view class_;
  const unsigned lane_;
  const unsigned attempt_;
  const trace_context outer_;
  const trace_context context_;
  const time_point start_;
};

/// The wait of a task that has spans. \param  state  if it has ended without a start.
void tell_wait(const pool_options& options, std::string_view of_class, const task_extras& asked,
               time_point end, std::optional<task_state> state);

/// The run of a task that belongs to a trace, on this thread, which works for it until leave().
class run_span {
 public:
  run_span(const pool_options& options, const task_extras& asked, time_point start);
  void leave(const pool_options& options) noexcept;
  /// Of one that has spans: its wait, and its run until leave().
  void tell(const pool_options& options, std::string_view of_class, const task_extras& asked,
            task_state state, const std::exception_ptr& error) const;

 private:
  const trace_context context_;
  const time_point start_;
  time_point end_{};
  std::optional<trace_scope> here_;
};

}  // namespace millpool
