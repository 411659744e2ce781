// Layer 3 · pool: a task that runs for too long, as its pool reports it.
#pragma once

#include "millpool/base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millpool {

/// A stuck task, as pool_options::on_stuck sees it. The views last until the hook returns.
struct stuck_info {
  enum class state : std::uint8_t {
    running,  ///< it uses a processor, or would if it got one
    blocked,  ///< it waits
  };

  std::string_view pool;
  /// "<pool>/<index>". Empty: no worker, but who submitted the task, and runs it in the submission.
  std::string_view worker;
  std::size_t index;            ///< the worker's; 0 if it is none
  std::int64_t thread;          ///< the kernel's number of that thread
  std::string_view task_class;  ///< empty if it has none
  std::string task;             ///< the type of its closure
  duration age;  ///< for so long it was seen: it began up to an eighth of stuck_after earlier
  duration cpu;  ///< what its thread used of a processor meanwhile
  state doing;
  /// Where it is, the innermost call first: "function+0x1f (module)"; or "module+0x2ab3" where the
  /// module has no name for it, which addr2line(1) finds in its debug information.
  std::vector<std::string> stack;
  std::string_view why_no_stack;  ///< empty if there is one
};
[[nodiscard]] std::string_view to_string(stuck_info::state state) noexcept;

}  // namespace millpool
