#include "millpool/base/clock.hpp"

namespace millpool {
namespace {

class steady_clock_reader final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }
  [[nodiscard]] time_point look_again(time_point deadline) const noexcept override {
    return deadline;
  }
};

}  // namespace

const clock& steady() noexcept {
  static const steady_clock_reader reader;
  return reader;
}

}  // namespace millpool
