// Layer 3 · pool: another thread of this process, as it is seen from outside.
#pragma once

#include "millpool/base/clock.hpp"
#include "src/pool/symbols.hpp"

#include <string_view>
#include <sys/types.h>
#include <vector>

namespace millpool {

/// The kernel's number of the calling thread.
[[nodiscard]] pid_t this_thread_id() noexcept;

/// How much time of a processor that thread has had; zero if it is gone.
[[nodiscard]] duration cpu_time_of(pid_t thread) noexcept;

/// Whether it runs, or would if it got a processor. No, where the kernel does not say.
[[nodiscard]] bool is_runnable(pid_t thread) noexcept;

struct thread_stack {
  std::vector<code_address> calls;  ///< the innermost first
  std::string_view why_none;        ///< empty if there are some
};

// The stack of a thread is taken by a signal, whose handler walks it. The signal is a real-time one
// of which nobody is known to make use; and if the program has a use for it, it is let alone.

/// Installs the handler, if the signal is free. Before take_stack().
void prepare_stacks() noexcept;

/// Unblocks the signal on the calling thread, if the handler is ours.
void let_stack_be_taken() noexcept;

/// Where that thread is. Waits for it, but no longer than `patience`, which becomes what is left of
/// it. \throws std::bad_alloc.
[[nodiscard]] thread_stack take_stack(pid_t thread, duration& patience);

}  // namespace millpool
