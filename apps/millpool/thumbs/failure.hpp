#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace millpool::thumbs {

/// Why an image was not made. The names are those of the manifest.
enum class failure_kind : std::uint8_t {
  unreadable,    ///< the system does not let us read it
  unsupported,   ///< no image, or one of a kind that cannot be read here
  truncated,     ///< it ends too early
  damaged,       ///< its content contradicts itself
  too_big,       ///< more pixels, or more memory, than the run allows
  timeout,       ///< its time was up
  write_failed,  ///< the thumbnail could not be written
  name_taken,    ///< another source has the same thumbnail
  interrupted,   ///< the run was told to end: not the image's fault, and not in the manifest
};
inline constexpr std::size_t failure_kind_count = 9;

[[nodiscard]] std::string_view to_string(failure_kind kind) noexcept;

struct failure {
  failure_kind kind = failure_kind::damaged;
  std::string sentence;
};

template <class T>
using or_failure = std::expected<T, failure>;

[[nodiscard]] inline std::unexpected<failure> fail(failure_kind kind, std::string sentence) {
  return std::unexpected<failure>{failure{kind, std::move(sentence)}};
}

/// What comes of work that was told to end.
[[nodiscard]] inline std::unexpected<failure> stopped() {
  return fail(failure_kind::interrupted, "it was told to stop");
}

}  // namespace millpool::thumbs
