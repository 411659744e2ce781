// A request to somebody else's server, by libcurl.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millpool::admin {

struct http_request {
  std::string url;                     ///< http:// or https://
  std::optional<std::string> body{};   ///< JSON: then it is a POST; else a GET
  std::vector<std::string> headers{};  ///< more of them, each "Name: value"
  duration timeout = std::chrono::seconds{5};
  bool direct = false;  ///< past any proxy that the environment names
};

/// Why there was no answer.
enum class http_failure : std::uint8_t {
  none,         ///< there was one
  refused,      ///< nobody listens there
  interrupted,  ///< it may be there another time: no time left, the connection was lost
  impossible,   ///< the request is none, or there is no libcurl
};

struct http_answer {
  long status = 0;                                    ///< 0: there was no answer
  std::string body{};                                 ///< its first 4 KiB
  std::optional<std::chrono::seconds> retry_after{};  ///< as it asked for, if it did
  http_failure failure = http_failure::none;
  std::string wrong{};  ///< the same for people to read; else empty
};

/// Sends it, and waits for the answer. \throws std::bad_alloc; all else is in the answer.
[[nodiscard]] http_answer http_send(const http_request& request);

/// Whether http_send() can go there.
[[nodiscard]] bool is_http_url(const std::string& text) noexcept;

}  // namespace millpool::admin
