#pragma once

#include "apps/millpool/thumbs/failure.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millpool::thumbs {

/// A regular file, read in pieces: so that a decoder needs no more of it than it looks at.
class byte_source {
 public:
  [[nodiscard]] static or_failure<byte_source> open(const std::string& path);

  /// As it was when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// \return the bytes read: fewer than asked for at the end, and where the system refuses, which
  /// error() then tells.
  [[nodiscard]] std::size_t read_at(std::span<std::uint8_t> room, std::uint64_t offset) noexcept;

  /// From now on, what would be read beyond so many bytes is refused: too_big. A read counts as 1
  /// KiB at least.
  void limit_reads(std::uint64_t bytes) noexcept {
    limit_ = bytes;
    counted_ = 0;
  }
  /// Read since then.
  [[nodiscard]] std::uint64_t counted() const noexcept { return counted_; }

  /// All of it. \return unreadable, or truncated where the file became shorter meanwhile.
  [[nodiscard]] or_failure<std::vector<std::uint8_t>> read_all();

  /// errno of the last read that was refused, or 0.
  [[nodiscard]] int error() const noexcept { return error_; }

  /// What came of a read that gave too little: the system's error, or that the file ends.
  [[nodiscard]] failure short_read() const;

 private:
  byte_source(app::unique_fd fd, std::uint64_t size) noexcept : fd_{std::move(fd)}, size_{size} {}

  app::unique_fd fd_;
  std::uint64_t size_;
  std::uint64_t limit_ = UINT64_MAX;
  std::uint64_t counted_ = 0;
  int error_ = 0;
};

}  // namespace millpool::thumbs
