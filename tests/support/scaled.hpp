// Support for tests: how much of a stress test to run.
#pragma once

#include <algorithm>
#include <cstdlib>

namespace millpool::test {

/// `n`, or less of it under a sanitizer, or more where MILLPOOL_TEST_SCALE (a factor, such as 20)
/// says so. At least 1.
[[nodiscard]] inline int scaled(int n) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  double factor = 0.1;
#else
  double factor = 1.0;
#endif
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no test changes the environment
  if (const char* wanted = std::getenv("MILLPOOL_TEST_SCALE")) factor *= std::atof(wanted);
  return std::max(1, static_cast<int>(n * factor));
}

}  // namespace millpool::test
