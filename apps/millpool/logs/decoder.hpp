#pragma once

#include "apps/support/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace millpool::logs {

enum class compression : std::uint8_t { none, gzip, zstd };

/// By its first bytes. Four are enough.
[[nodiscard]] compression compression_of(std::string_view begin) noexcept;

/// Bytes out of a stream, decompressed.
///
/// Thread safety  none: one thread at a time.
class decoder {
 public:
  /// What was read. `problem` says why no more will come, if it is not the end.
  struct piece {
    std::size_t size = 0;
    bool at_end = false;
    std::string problem{};
  };

  virtual ~decoder() = default;
  decoder(const decoder&) = delete;
  decoder& operator=(const decoder&) = delete;

  /// Waits for at least one byte, the end, or a problem, and then reads on while `room` lasts and
  /// there is no need to wait. A problem comes with the bytes before it.
  [[nodiscard]] virtual piece read(std::span<char> room) = 0;

  /// Bytes taken from the file so far: for a bar.
  [[nodiscard]] virtual std::uint64_t consumed() const noexcept = 0;

 protected:
  decoder() = default;
};

/// Reads a file in order: from where it stands, or, if it has a fixed size, from an offset.
class byte_source {
 public:
  /// \param  stop_fd  readable once reading is to end: waits for more bytes end then. Or -1.
  byte_source(app::unique_fd fd, int stop_fd) noexcept : fd_{std::move(fd)}, stop_fd_{stop_fd} {}

  /// Waits for at least one byte. \return 0 at the end, or once reading is to end.
  [[nodiscard]] std::expected<std::size_t, std::string> read(std::span<char> room);
  /// Whether read() would not wait.
  [[nodiscard]] bool has_more() const noexcept;

 private:
  app::unique_fd fd_;
  int stop_fd_;
};

/// A decoder of what `begin` and then `rest` have.
[[nodiscard]] std::unique_ptr<decoder> make_decoder(compression kind, std::string begin,
                                                    byte_source rest);

}  // namespace millpool::logs
