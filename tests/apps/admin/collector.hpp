// Support for tests: a small collector of traces, on a port of this machine.
#pragma once

#include "apps/support/unique_fd.hpp"

#include <arpa/inet.h>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace millpool::test {

/// Takes one request after the other, and answers as it was told, or else 200.
class collector {
 public:
  struct request {
    std::string head;
    std::string body;
  };

  collector() : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), size) != 0) std::abort();
    if (::listen(socket_.get(), 16) != 0) std::abort();
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread{[this] { main(); }};
  }
  ~collector() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  collector(const collector&) = delete;
  collector& operator=(const collector&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// The next answer, such as "503 Busy\r\nRetry-After: 1" with a body.
  void answer(std::string status_and_headers, std::string body = "{}") {
    const std::lock_guard lock{mutex_};
    answers_.push_back({std::move(status_and_headers), std::move(body)});
  }

  /// Waits until so many requests have come. \return all of them.
  std::vector<request> await(std::size_t many) {
    std::unique_lock lock{mutex_};
    came_.wait(lock, [&] { return requests_.size() >= many; });
    return requests_;
  }

 private:
  void main() {
    for (;;) {
      const app::unique_fd client{::accept(socket_.get(), nullptr, nullptr)};
      if (client.get() < 0) return;
      serve(client.get());
    }
  }

  void serve(int client) {
    std::string text;
    const auto read_some = [&] {
      char block[4096];
      const ssize_t size = ::recv(client, block, sizeof block, 0);
      if (size > 0) text.append(block, static_cast<std::size_t>(size));
      return size > 0;
    };
    std::size_t end = std::string::npos;
    while ((end = text.find("\r\n\r\n")) == std::string::npos) {
      if (!read_some()) return;
    }
    request got{text.substr(0, end), {}};
    const std::size_t length = got.head.find("Content-Length: ");
    const std::size_t size = std::strtoull(got.head.c_str() + length + 16, nullptr, 10);
    if (got.head.find("Expect: 100-continue") != std::string::npos) {
      send(client, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    while (text.size() < end + 4 + size) {
      if (!read_some()) return;
    }
    got.body = text.substr(end + 4, size);
    scripted next{"200 OK", "{}"};
    {
      const std::lock_guard lock{mutex_};
      if (!answers_.empty()) {
        next = answers_.front();
        answers_.pop_front();
      }
      requests_.push_back(std::move(got));
    }
    came_.notify_all();
    send(client, "HTTP/1.1 " + next.head + "\r\nConnection: close\r\nContent-Length: " +
                     std::to_string(next.body.size()) + "\r\n\r\n" + next.body);
  }

  static void send(int client, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(client, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  struct scripted {
    std::string head;
    std::string body;
  };

  app::unique_fd socket_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<scripted> answers_;
  std::vector<request> requests_;
  std::thread thread_;
};

}  // namespace millpool::test
