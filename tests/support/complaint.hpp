// Support for tests: what is said of bad options.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace millpool::test {

/// What the std::invalid_argument says that `call` throws; or "none".
inline std::string complaint_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

}  // namespace millpool::test
