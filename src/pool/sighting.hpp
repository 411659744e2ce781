// Layer 3 · pool: what the watchdog has seen of a thread.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/stuck_info.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <typeinfo>

namespace millpool {

class runner;
namespace detail {
struct task_frame;
}

/// A runner at the watchdog's last look, and how long it had been in the same task.
///
/// Which task  two looks that find the same frame on top, and the same count of settled tasks, find
///             the same task: the next one on that place of the stack comes after this one settled.
///             (But for abandoned ones, which do not settle: after those no task starts.)
struct sighting {
  std::uint64_t settled = 0;
  const detail::task_frame* task = nullptr;  // null: none. To be compared, and not to be followed
  duration age{};
  duration cpu{};              // of its thread, as of the last look
  duration cpu_at_first{};     // the same, as of the first that saw the task
  std::uint32_t looks = 0;     // that found it again
  std::uint32_t runnable = 0;  // of these, when it ran or was ready to

  [[nodiscard]] bool uses_a_processor() const noexcept {
    return 2 * runnable > looks || 2 * (cpu - cpu_at_first) > age;
  }
};

/// What is known of a task that is found stuck. It may be over meanwhile.
struct stuck_task {
  const runner* by;  // to be compared, and not to be followed
  std::string worker;
  std::size_t index;
  pid_t thread;
  std::string_view task_class;  // the pool's
  const std::type_info* closure;
  sighting seen;
};

}  // namespace millpool
