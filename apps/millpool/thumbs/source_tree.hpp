#pragma once

#include "apps/millpool/thumbs/failure.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <variant>
#include <vector>

namespace millpool::thumbs {

/// The images in a folder and the folders in it, folder by folder, sorted by name.
///
/// A link to a file is followed, one to a folder is not: so no loop of links is walked for ever.
/// What is no image by its name is passed over and counted.
class source_tree {
 public:
  /// A folder begins: those that follow are its files.
  struct folder {
    std::string path;  ///< from the root, "" for the root
  };
  struct file {
    std::string path;  ///< from the root
    std::uint64_t bytes = 0;
    std::int64_t mtime_ns = 0;
  };
  /// Something that should have been walked and cannot be read.
  struct fault {
    std::string path;
    failure why;
    bool is_folder = false;  ///< what is in it is not known
  };
  using step = std::variant<folder, file, fault>;

  /// \param  left_out  a folder that is not entered, even if it lies in the tree.
  source_tree(std::string root, const std::string& left_out);

  /// \return nothing at the end.
  [[nodiscard]] std::optional<step> next();

  /// Files that are no images by their names, so far.
  [[nodiscard]] std::uint64_t passed_over() const noexcept { return passed_over_; }

 private:
  struct identity {
    dev_t device = 0;
    ino_t number = 0;
    friend bool operator==(const identity&, const identity&) = default;
  };

  [[nodiscard]] std::string absolute(const std::string& path) const {
    return path.empty() ? root_ : root_ + "/" + path;
  }
  [[nodiscard]] static std::optional<identity> identity_of(const std::string& path);
  [[nodiscard]] step enter(std::string folder_path);
  [[nodiscard]] std::optional<step> look_at(std::string path);

  std::string root_;
  std::optional<identity> left_out_;
  std::vector<std::string> folders_;  // to be entered, the next one last
  std::vector<std::string> files_;    // of the folder that was entered last, the next one last
  std::uint64_t passed_over_ = 0;
};

}  // namespace millpool::thumbs
