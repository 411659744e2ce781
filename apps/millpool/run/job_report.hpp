#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::run {

/// How a job ended, as everybody who tells of it needs it. The views last as long as the worker's
/// call.
struct job_report {
  std::uint64_t seq = 0;
  const std::vector<std::string>* args = nullptr;
  std::string_view command;            ///< as a shell would run it
  std::string_view tag;                ///< before each line of output; may be empty
  std::chrono::milliseconds start{0};  ///< of the last attempt, since 1970
  duration runtime{0};                 ///< of the last attempt
  unsigned attempt = 1;
  int exit_value = 0;  ///< -1: timed out, and did not say anything else
  int signal = 0;

  [[nodiscard]] bool succeeded() const noexcept { return exit_value == 0 && signal == 0; }
};

}  // namespace millpool::run
