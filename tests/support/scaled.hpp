// Support for tests: how much of a stress test to run.
#pragma once

#include <algorithm>
#include <cstdlib>

namespace millpool::test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// `n` times the factor, such as 20, that this variable of the environment holds, if it is set. At
/// least 1.
[[nodiscard]] inline int scaled_by(const char* variable, double n) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no test changes the environment
  if (const char* factor = std::getenv(variable)) n *= std::atof(factor);
  return std::max(1, static_cast<int>(n));
}

/// `n`, or a tenth of it under a sanitizer, times MILLPOOL_TEST_SCALE.
[[nodiscard]] inline int scaled(int n) {
  return scaled_by("MILLPOOL_TEST_SCALE", sanitized ? 0.1 * n : n);
}

}  // namespace millpool::test
