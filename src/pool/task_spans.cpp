#include "src/pool/task_spans.hpp"

namespace millpool {

std::string_view to_string(span_kind kind) noexcept {
  switch (kind) {
    case span_kind::submit:
      return "submit";
    case span_kind::wait:
      return "wait";
    case span_kind::run:
      return "run";
  }
  return "";
}

submit_span::submit_span(const pool_options& options, std::string_view of_class, unsigned lane,
                         task_extras& asked)
    : options_{options},
      class_{of_class},
      lane_{lane},
      attempt_{asked.attempt},
      outer_{*asked.trace},
      context_{outer_.child()},
      start_{options.time->now()} {
  asked.trace = context_;
  asked.lane = lane;
  asked.submitted = start_;
}

std::expected<void, submit_errc> submit_span::tell(std::expected<void, submit_errc> answer) const {
  const auto refused = answer ? std::nullopt : std::optional{answer.error()};
  options_.on_span({span_kind::submit, context_, outer_.span_id, options_.name, class_, lane_,
                    attempt_, start_, options_.time->now(), refused});
  return answer;
}

void tell_wait(const pool_options& options, std::string_view of_class, const task_extras& asked,
               time_point end, std::optional<task_state> state) {
  options.on_span({span_kind::wait,
                   asked.trace->child(),
                   asked.trace->span_id,
                   options.name,
                   of_class,
                   asked.lane,
                   asked.attempt,
                   asked.submitted,
                   end,
                   {},
                   state});
}

run_span::run_span(const pool_options& options, const task_extras& asked, time_point start)
    : context_{has_spans(options, &asked) ? asked.trace->child() : *asked.trace}, start_{start} {
  here_.emplace(&context_);
}

void run_span::tell(const pool_options& options, std::string_view of_class,
                    const task_extras& asked, task_state state,
                    const std::exception_ptr& error) const {
  if (!has_spans(options, &asked)) return;
  const time_point end = options.time->now();
  tell_wait(options, of_class, asked, start_, {});
  span_info span{span_kind::run,
                 context_,
                 asked.trace->span_id,
                 options.name,
                 of_class,
                 asked.lane,
                 asked.attempt,
                 start_,
                 end,
                 {},
                 state};
  if (!error) return options.on_span(span);
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& thrown) {
    span.error = thrown.what();
    options.on_span(span);
  } catch (...) {
    options.on_span(span);
  }
}

}  // namespace millpool
