#include "apps/millpool/run/run_end.hpp"

#include <algorithm>
#include <cstdint>

namespace millpool::run {

int exit_status(const halt_monitor& tally, bool count_failures) {
  const halt_policy& policy = tally.policy();
  // Who waits for a success got it, whatever failed before.
  if (tally.halted() && policy.counted == halt_policy::event::success) return exit_ok;
  if (tally.failed() == 0) return exit_ok;
  if (!count_failures) return exit_job_failed;
  constexpr std::uint64_t more_than_a_hundred = 101;
  return static_cast<int>(std::min(tally.failed(), more_than_a_hundred));
}

}  // namespace millpool::run
