#pragma once

#include "apps/millpool/thumbs/failure.hpp"
#include "apps/support/unique_fd.hpp"

#include <expected>
#include <filesystem>
#include <string>

namespace millpool::thumbs {

/// The folder for the thumbnails, made if it is not there, and ours alone as long as this lives.
class dest_folder {
 public:
  /// \return why it cannot be used: also if another run uses it, or if the thumbnails would lie
  /// among their sources.
  [[nodiscard]] static std::expected<dest_folder, std::string> open(const std::string& source,
                                                                    const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Makes a folder in it, with those above, and removes from it what a killed run has left. It
  /// enters no link: that may lead to the photos.
  /// \param  folder  from the root; "" for the root.
  [[nodiscard]] or_failure<void> prepare(const std::string& folder) const;

 private:
  dest_folder(std::string path, std::filesystem::path root, app::unique_fd lock)
      : path_{std::move(path)}, root_{std::move(root)}, lock_{std::move(lock)} {}

  std::string path_;            // as it was given
  std::filesystem::path root_;  // the same, canonical
  app::unique_fd lock_;
};

}  // namespace millpool::thumbs
