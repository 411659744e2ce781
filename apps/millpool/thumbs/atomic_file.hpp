#pragma once

#include "apps/millpool/thumbs/failure.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace millpool::thumbs {

/// Whether a file of this name was left by a run that was killed while it wrote.
[[nodiscard]] bool is_leftover(std::string_view name) noexcept;

/// A file that is there whole or not at all: it is written under a name of its own in the same
/// folder first, then renamed. It replaces what has the name. Not synced: after a power failure the
/// next run looks whether the file has the size that the manifest tells.
class atomic_file {
 public:
  /// What goes wrong is told by finish().
  explicit atomic_file(std::string path);
  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;
  /// Without finish() nothing is left of it.
  ~atomic_file();

  /// Bytes behind those that it has.
  void add(std::string_view bytes);

  /// Gives it its name. \return the file, to be read and appended to; or write_failed.
  [[nodiscard]] or_failure<app::unique_fd> finish();

  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  void write(std::string_view bytes);

  std::string path_;
  std::string temporary_;  // empty when it has its name
  std::string waiting_;    // small pieces, to be written together
  app::unique_fd fd_;
  std::error_code error_;  // the first one
};

/// All of an atomic_file at once.
[[nodiscard]] or_failure<void> write_atomically(const std::string& path,
                                                std::span<const std::uint8_t> bytes);

}  // namespace millpool::thumbs
