// Layer 0 · base: what happens when a precondition is broken.
#pragma once

namespace millpool {

/// Prints one line that names the place and the broken rule, then aborts. Never returns.
[[noreturn]] void assertion_failed(const char* rule, const char* sentence, const char* file,
                                   int line) noexcept;

}  // namespace millpool

/// Ends the process when `condition` is false: a bug in the caller or in us, never bad input.
/// It is active in every build; keep it off paths where a benchmark feels it.
#define MILLPOOL_ASSERT(condition, sentence) \
  ((condition) ? static_cast<void>(0)        \
               : ::millpool::assertion_failed(#condition, sentence, __FILE__, __LINE__))
