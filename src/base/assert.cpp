#include "millpool/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace millpool {

void assertion_failed(const char* rule, const char* sentence, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: millpool: %s (broken: %s)\n", file, line, sentence, rule);
  std::abort();
}

}  // namespace millpool
