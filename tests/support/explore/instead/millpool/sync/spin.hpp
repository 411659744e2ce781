// Support for models: found before include/millpool/sync/spin.hpp. Nobody else runs while a thread
// waits awake, so it waits no time, and one look is as good as many.
#pragma once

namespace millpool {

inline void cpu_relax() noexcept {}

template <class Seen>
bool spin_until(Seen seen, int = 1) noexcept {
  return seen();
}

}  // namespace millpool
