#include "millpool/base/random.hpp"

#include "millpool/base/clock.hpp"

#include <random>

namespace millpool {

std::uint64_t random_bits() noexcept {
  static thread_local std::mt19937_64 bits = [] {
    try {
      std::random_device device;
      return std::mt19937_64{std::uint64_t{device()} << 32U | device()};
    } catch (...) {  // no such device: the address differs by thread, and mostly by process
      return std::mt19937_64{static_cast<std::uint64_t>(steady().now().time_since_epoch().count())};
    }
  }();
  return bits();
}

}  // namespace millpool
