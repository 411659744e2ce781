// Layer 0 · base: the one door to atomics.
//
// All shared words of the library are millpool::atomic, so that a test build can put an
// instrumented type in their place and walk through the interleavings. In production it is
// std::atomic itself.
#pragma once

#if defined(MILLPOOL_EXPLORE)
#include "explore/atomic.hpp"  // tests/support: tells a scheduler of every operation
#else
#include <atomic>

namespace millpool {

template <class T>
using atomic = std::atomic<T>;

}  // namespace millpool
#endif
