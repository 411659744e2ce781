// Support for models: what millpool::light_barrier and heavy_barrier are under MILLPOOL_EXPLORE.
#pragma once

#include "explore/scheduler.hpp"

namespace millpool {

inline void prepare_barriers() noexcept {}
inline void light_barrier() noexcept { explore::light_barrier(); }
inline void heavy_barrier() noexcept { explore::heavy_barrier(); }

}  // namespace millpool
