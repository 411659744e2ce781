#include "tests/pods/wire.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <type_traits>

namespace millpool::pods {
namespace {

// Both ends are of one build, so a message travels as its bytes.
static_assert(std::is_trivially_copyable_v<message>);

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

[[nodiscard]] sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    throw std::invalid_argument{"'" + path + "' is empty or too long for a socket"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

[[nodiscard]] app::unique_fd make_socket() {
  app::unique_fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  if (!fd) fail("socket");
  return fd;
}

}  // namespace

std::uint64_t checksum_of(const work& task) noexcept {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a over the number's bytes
  for (int shift = 0; shift < 64; shift += 8)
    hash = (hash ^ (task.number >> shift & 0xFF)) * 1099511628211U;
  return hash;
}

app::unique_fd listen_at(const std::string& path) {
  const sockaddr_un address = address_of(path);
  app::unique_fd fd = make_socket();
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("bind");
  if (::listen(fd.get(), SOMAXCONN) != 0) fail("listen");
  return fd;
}

app::unique_fd connect_to(const std::string& path) {
  const sockaddr_un address = address_of(path);
  app::unique_fd fd = make_socket();
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
  return fd;
}

app::unique_fd accept_at(int listener) {
  return app::unique_fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
}

bool send(int fd, const message& what) noexcept {
  for (;;) {
    if (::send(fd, &what, sizeof what, MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

std::expected<message, no_message> receive(int fd) {
  for (;;) {
    message received;
    const ssize_t got = ::recv(fd, &received, sizeof received, MSG_DONTWAIT);
    if (got == static_cast<ssize_t>(sizeof received)) return received;
    if (got == 0) return std::unexpected(no_message::ever);
    if (got > 0) throw std::runtime_error{"a message of another build"};
    // A peer that dies with messages unread resets the connection. That is told once, and before
    // what it had sent itself, which is still to be received: it may be a `done`.
    if (errno == EINTR || errno == ECONNRESET) continue;
    if (errno == EAGAIN) return std::unexpected(no_message::yet);
    fail("recv");
  }
}

}  // namespace millpool::pods
