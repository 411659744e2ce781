#pragma once

#include "apps/millpool/thumbs/settings.hpp"
#include "apps/support/operating_flags.hpp"
#include "millpool/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace millpool::thumbs {

/// What makes a source one that has changed.
enum class change_test : std::uint8_t {
  always,  ///< every image is made
  mtime,   ///< its size or the time of its last change
  hash,    ///< its content
};

/// What the command line of `millpool thumbs` asks for.
struct thumbs_options {
  std::string source;  ///< a folder
  std::string dest;    ///< a folder
  thumbnail_settings settings;
  change_test changed = change_test::always;
  unsigned jobs = 1;
  std::uint64_t memory = std::uint64_t{256} << 20;  ///< bytes that images may take at a time
  std::uint64_t max_pixels = 500'000'000;           ///< of one image
  duration timeout = std::chrono::seconds{60};      ///< of one image
  std::string manifest;                             ///< a file; empty: DEST/manifest.jsonl
  app::operating_settings operating;
  bool gallery = false;
  bool bar = false;
};

/// The options, or that the program ends here.
struct parsed_options {
  thumbs_options options;
  std::optional<int>
      exit;  ///< if set: print `text` (0: standard output, else: standard error) and end
  std::string text;
};

/// \param cpus  what `-j` is by default.
[[nodiscard]] parsed_options parse_options(int argc, const char* const* argv, unsigned cpus);

}  // namespace millpool::thumbs
