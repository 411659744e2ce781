// Support for tests: a client that says what it likes.
#pragma once

#include "apps/support/unique_fd.hpp"

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace millpool::test {

/// A connection to a port of this machine.
class http_client {
 public:
  explicit http_client(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  [[nodiscard]] bool connected() const noexcept { return connected_; }

  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// What comes, up to the first time that `end` does; or all, until the connection is closed.
  std::string read_until(std::string_view end) {
    for (;;) {
      const std::size_t at = end.empty() ? std::string::npos : come_.find(end);
      if (at != std::string::npos) {
        std::string text = come_.substr(0, at + end.size());
        come_.erase(0, at + end.size());
        return text;
      }
      char block[4096];
      const ssize_t size = ::recv(socket_.get(), block, sizeof block, 0);
      if (size <= 0) return std::exchange(come_, {});
      come_.append(block, static_cast<std::size_t>(size));
    }
  }
  std::string read_all() { return read_until({}); }

  /// Sends a request that is the last on this connection. \return the whole answer.
  std::string ask(std::string_view method_and_path, std::string_view more = {}) {
    send(std::string{method_and_path} + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
         std::string{more} + "\r\n");
    return read_all();
  }

 private:
  app::unique_fd socket_;
  bool connected_ = false;
  std::string come_;
};

}  // namespace millpool::test
