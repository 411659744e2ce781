#pragma once

#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace millpool::run {

/// The file that remembers which jobs are done. Each line goes out whole, in one write, as soon as
/// its job is over: what is in the file survives us.
///
/// A regular file belongs to one run at a time: from open() on it is locked.
/// Thread safety  none: the printer writes, under its lock.
class joblog {
 public:
  enum class start : std::uint8_t {
    overwrite,  ///< begin a new log
    append,     ///< after what is there; a file that is empty or new gets the header first
    resume,     ///< the same, and fd() can be read: what is there is the log of an earlier run
  };
  /// `path` "-" is standard output.
  [[nodiscard]] static std::expected<joblog, std::string> open(const std::string& path, start how);

  /// Writes one line. On failure (a full disk) nothing of it stays in the file.
  [[nodiscard]] std::error_code write(std::string_view line);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit joblog(app::unique_fd fd) : fd_(std::move(fd)) {}

  app::unique_fd fd_;
};

}  // namespace millpool::run
