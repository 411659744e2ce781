// Tests · pods: as a kubelet asks /readyz. Next stop: cluster.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace millpool::pods {

/// GET http://127.0.0.1:port/path. Waits, each time that it sends or receives, for at most `limit`.
/// \return the answer's status, such as 503; none if there is no such answer.
[[nodiscard]] std::optional<int> http_status(std::uint16_t port, const std::string& path,
                                             std::chrono::seconds limit);

}  // namespace millpool::pods
