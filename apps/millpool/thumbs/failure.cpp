#include "apps/millpool/thumbs/failure.hpp"

namespace millpool::thumbs {

std::string_view to_string(failure_kind kind) noexcept {
  constexpr std::string_view names[failure_kind_count] = {
      "unreadable", "unsupported",  "truncated",  "damaged",    "too_big",
      "timeout",    "write_failed", "name_taken", "interrupted"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace millpool::thumbs
