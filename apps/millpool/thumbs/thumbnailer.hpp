#pragma once

#include "apps/millpool/thumbs/decoder.hpp"
#include "apps/millpool/thumbs/settings.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millpool::thumbs {

/// A thumbnail that was written.
struct made_output {
  std::string path;  ///< from DEST
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint64_t bytes = 0;
};

/// All thumbnails of one image: planned by its header, made in one decode.
class thumbnailer {
 public:
  /// \param  paths  one a size, from `dest`, in the order of settings.sizes.
  /// REQUIRES: `settings` outlives it.
  thumbnailer(std::unique_ptr<decoder> source, const thumbnail_settings& settings, std::string dest,
              std::vector<std::string> paths);

  /// The most bytes that make() will hold.
  [[nodiscard]] std::uint64_t memory() const;

  /// Decodes, and writes each thumbnail as a whole or not at all.
  [[nodiscard]] or_failure<std::vector<made_output>> make(const stop_request& stop);

 private:
  [[nodiscard]] or_failure<made_output> finish(image small, std::size_t which) const;

  std::unique_ptr<decoder> source_;
  const thumbnail_settings& settings_;
  std::string dest_;
  std::vector<std::string> paths_;
  std::vector<placement> placements_;
};

}  // namespace millpool::thumbs
