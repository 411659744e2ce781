// Support for tests: what goes through the channels that are tested.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <memory>

namespace millpool::test {

using value = std::unique_ptr<int>;  // move-only on purpose

[[nodiscard]] inline value of(int number) { return std::make_unique<int>(number); }

[[nodiscard]] inline time_point at(int second) { return time_point{std::chrono::seconds{second}}; }

}  // namespace millpool::test
