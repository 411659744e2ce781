// Layer 2 · channel: how a push or a pop that did not simply succeed is told.
#pragma once

#include <cstdint>
#include <string_view>

namespace millpool {

/// The outcome of a channel operation. None of them is an error; after WG21 P0260.
enum class queue_status : std::uint8_t {
  success,  ///< the value went in, or came out
  empty,    ///< nothing to take now, though later there may be
  full,     ///< no room now, though later there may be
  closed,   ///< pushing: no more is taken; popping: the last value is gone, and no other will come
  timeout,  ///< the deadline passed first
};

/// The enumerator's own name, such as "closed"; lasts forever.
[[nodiscard]] std::string_view to_string(queue_status status) noexcept;

}  // namespace millpool
