#include "tests/pods/http.hpp"

#include "apps/support/unique_fd.hpp"

#include <cstdio>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace millpool::pods {

std::optional<int> http_status(std::uint16_t port, const std::string& path,
                               std::chrono::seconds limit) {
  const app::unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!fd) return std::nullopt;
  const timeval patience{.tv_sec = limit.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::nullopt;
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    return std::nullopt;
  std::string answer;
  char chunk[512];
  while (answer.find('\n') == std::string::npos) {
    const ssize_t got = ::recv(fd.get(), chunk, sizeof chunk, 0);
    if (got <= 0) return std::nullopt;
    answer.append(chunk, static_cast<std::size_t>(got));
  }
  int status = 0;
  if (std::sscanf(answer.c_str(), "HTTP/1.1 %d", &status) != 1) return std::nullopt;
  return status;
}

}  // namespace millpool::pods
