#include "millpool/base/clock.hpp"

#include <ctime>

namespace millpool {
namespace {

class steady_clock_reader final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }
  [[nodiscard]] time_point coarse_now() const noexcept override {
    // The time of the last timer interrupt, on the clock that steady_clock reads: no more than a
    // few loads.
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
    return time_point{std::chrono::seconds{at.tv_sec} + duration{at.tv_nsec}};
  }
  [[nodiscard]] duration coarseness() const noexcept override {
    timespec step{};
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &step) != 0) return {};
    return std::chrono::seconds{step.tv_sec} + duration{step.tv_nsec};
  }
  [[nodiscard]] time_point look_again(time_point deadline) const noexcept override {
    return deadline;
  }
};

// Not a local of steady(): a forked child might find it for ever half made.
const steady_clock_reader reader;

}  // namespace

const clock& steady() noexcept { return reader; }

}  // namespace millpool
