#include "apps/support/io.hpp"

#include "apps/support/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace millpool::app {
namespace {

// Somebody who shares the terminal or pipe with us may have set O_NONBLOCK on it.
void wait_until(int fd, short events) noexcept {
  pollfd entry{fd, events, 0};
  ::poll(&entry, 1, -1);
}

// On Linux EWOULDBLOCK is the same number.
[[nodiscard]] bool would_block(int error) noexcept { return error == EAGAIN; }

}  // namespace

std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

write_result write_most(int fd, std::string_view bytes) noexcept {
  write_result out;
  while (out.written < bytes.size()) {
    const ssize_t written = ::write(fd, bytes.data() + out.written, bytes.size() - out.written);
    if (written >= 0) {
      out.written += static_cast<std::size_t>(written);
    } else if (would_block(errno)) {
      wait_until(fd, POLLOUT);
    } else if (errno != EINTR) {
      out.error = last_error();
      break;
    }
  }
  return out;
}

std::error_code write_all(int fd, std::string_view bytes) noexcept {
  return write_most(fd, bytes).error;
}

bool has_room(int fd) noexcept {
  pollfd entry{fd, POLLOUT, 0};
  return ::poll(&entry, 1, 0) > 0;
}

void write_or_drop(int fd, std::string_view text) noexcept {
  if (write_all(fd, text)) return;
}

std::expected<std::size_t, std::error_code> read_some(int fd, std::span<char> room) noexcept {
  for (;;) {
    const ssize_t got = ::read(fd, room.data(), room.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (would_block(errno)) {
      wait_until(fd, POLLIN);
    } else if (errno != EINTR) {
      return std::unexpected(last_error());
    }
  }
}

std::expected<std::size_t, std::error_code> read_at(int fd, std::span<char> room,
                                                    std::uint64_t offset) noexcept {
  for (;;) {
    const ssize_t got = ::pread(fd, room.data(), room.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return std::unexpected(last_error());
  }
}

std::expected<std::string, std::error_code> read_file(const std::string& path) {
  const unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return std::unexpected(last_error());
  std::string text;
  char chunk[4096];
  for (;;) {
    const auto got = read_some(fd.get(), chunk);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return text;
    text.append(chunk, *got);
  }
}

void complain(std::string_view program, std::string_view message) noexcept {
  std::string line;
  line.reserve(program.size() + message.size() + 3);
  line.append(program).append(": ").append(message).append("\n");
  write_or_drop(STDERR_FILENO, line);
}

}  // namespace millpool::app
