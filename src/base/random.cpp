#include "millpool/base/random.hpp"

#include "millpool/base/clock.hpp"

#include <random>
#include <sys/types.h>
#include <unistd.h>

namespace millpool {

std::uint64_t random_bits() noexcept {
  // A child of fork() has a copy of what its parent would draw next.
  static thread_local pid_t drawn_by = 0;
  static thread_local std::mt19937_64 bits;
  if (const pid_t here = ::getpid(); drawn_by != here) {
    drawn_by = here;
    try {
      std::random_device device;
      bits.seed(std::uint64_t{device()} << 32U | device());
    } catch (...) {  // no such device
      const auto now = static_cast<std::uint64_t>(steady().now().time_since_epoch().count());
      bits.seed(now ^ static_cast<std::uint64_t>(::gettid()) << 32U);
    }
  }
  return bits();
}

}  // namespace millpool
