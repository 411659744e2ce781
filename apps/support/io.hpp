#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace millpool::app {

/// errno as an error_code.
[[nodiscard]] std::error_code last_error() noexcept;

/// Writes all of `bytes`, whatever it takes: short writes, signals, and descriptors that somebody
/// made non-blocking (it then waits for room).
[[nodiscard]] std::error_code write_all(int fd, std::string_view bytes) noexcept;

/// The same for text that nobody waits for, such as a progress bar: an error has nowhere to be
/// told.
void write_or_drop(int fd, std::string_view text) noexcept;

/// How much of a text went out, and why no more did.
struct write_result {
  std::size_t written = 0;
  std::error_code error;
};
/// As write_all(), for who has to take back what went out.
[[nodiscard]] write_result write_most(int fd, std::string_view bytes) noexcept;

/// Whether a short text can be written now, without waiting for a reader.
[[nodiscard]] bool has_room(int fd) noexcept;

/// Reads what there is, at most `room`. Waits where the descriptor would.
/// \return the bytes read, 0 at the end.
[[nodiscard]] std::expected<std::size_t, std::error_code> read_some(int fd,
                                                                    std::span<char> room) noexcept;

/// Reads at `offset`, and leaves the descriptor's own position alone. \return 0 at the end.
[[nodiscard]] std::expected<std::size_t, std::error_code> read_at(int fd, std::span<char> room,
                                                                  std::uint64_t offset) noexcept;

/// The whole of a small file, such as one under /proc. \return nothing if it cannot be read.
[[nodiscard]] std::expected<std::string, std::error_code> read_file(const std::string& path);

/// One line on standard error, in one write: "millpool run: <message>\n".
void complain(std::string_view program, std::string_view message) noexcept;

}  // namespace millpool::app
