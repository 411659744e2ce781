#include "millpool/base/errors.hpp"

#include <string>

namespace millpool {

std::string_view to_string(submit_errc code) noexcept {
  switch (code) {
    case submit_errc::full:
      return "full";
    case submit_errc::closed:
      return "closed";
    case submit_errc::timeout:
      return "timeout";
    case submit_errc::breaker_open:
      return "breaker_open";
    case submit_errc::rate_limited:
      return "rate_limited";
    case submit_errc::limit_exceeded:
      return "limit_exceeded";
    case submit_errc::shed:
      return "shed";
    case submit_errc::would_deadlock:
      return "would_deadlock";
    case submit_errc::forked:
      return "forked";
  }
  return "unknown";
}

std::string_view to_string(task_state state) noexcept {
  switch (state) {
    case task_state::succeeded:
      return "succeeded";
    case task_state::failed:
      return "failed";
    case task_state::cancelled:
      return "cancelled";
    case task_state::expired:
      return "expired";
    case task_state::discarded:
      return "discarded";
    case task_state::abandoned:
      return "abandoned";
  }
  return "unknown";
}

submit_error::submit_error(submit_errc code)
    : std::runtime_error{std::string{code == submit_errc::would_deadlock
                                         ? "millpool: the wait could never end: "
                                         : "millpool: the submission was refused: "}
                             .append(to_string(code))},
      code_{code} {}

task_stopped::task_stopped(task_state state)
    : std::runtime_error{"millpool: the task ended as " + std::string{to_string(state)}},
      state_{state} {}

}  // namespace millpool
