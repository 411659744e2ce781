#include "src/pool/task_spans.hpp"

#include <array>
#include <span>

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
      outer_{asked.trace->works_for},
      context_{outer_.child()},
      start_{options.time->now()} {
  asked.trace->works_for = context_;
  asked.trace->submitted = start_;
  asked.lane = lane;
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
                   asked.trace->works_for.child(),
                   asked.trace->works_for.span_id,
                   options.name,
                   of_class,
                   asked.lane,
                   asked.attempt,
                   asked.trace->submitted,
                   end,
                   {},
                   state});
}

run_span::run_span(const pool_options& options, const task_extras& asked, time_point start)
    : context_{has_spans(options, &asked) ? asked.trace->works_for.child()
                                          : asked.trace->works_for},
      start_{start} {
  here_.emplace(&context_);
}

void run_span::leave(const pool_options& options) noexcept {
  here_.reset();
  end_ = options.time->now();
}

namespace {

// The beginning of what() of what was thrown. Who is told is to find the exception nowhere but
// where it is kept: so this is over before that.
std::string_view text_of(const std::exception_ptr& error, std::span<char> room) noexcept {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& thrown) {
    const std::string_view text = thrown.what();
    return {room.data(), text.copy(room.data(), room.size())};
  } catch (...) {
    return {};
  }
}

}  // namespace

void run_span::tell(const pool_options& options, std::string_view of_class,
                    const task_extras& asked, task_state state,
                    const std::exception_ptr& error) const {
  if (!has_spans(options, &asked)) return;
  tell_wait(options, of_class, asked, start_, {});
  std::array<char, 256> room{};
  options.on_span({span_kind::run,
                   context_,
                   asked.trace->works_for.span_id,
                   options.name,
                   of_class,
                   asked.lane,
                   asked.attempt,
                   start_,
                   end_,
                   {},
                   state,
                   text_of(error, room)});
}

}  // namespace millpool
