// Layer 3 · pool: what a reconfiguration has changed.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

namespace millpool {

/// An option of a running pool that got another value. Printed with operator<<, as
/// "queue_capacity: 1024 -> 5000".
struct option_change {
  std::string_view name;  ///< lasts for ever; a member's member has a dot: "aging.share"
  std::string from;       ///< as people write it: a number, "500 ms", "forever", "discard_oldest"
  std::string to;

  friend bool operator==(const option_change&, const option_change&) = default;
  friend std::ostream& operator<<(std::ostream& out, const option_change& change);
};

}  // namespace millpool
