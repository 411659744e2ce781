// A request to somebody else's server, by libcurl.
#pragma once

#include "millpool/base/clock.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millpool::admin {

struct http_answer {
  long status = 0;                                    ///< 0: there was none, see `wrong`
  std::string body{};                                 ///< its first 4 KiB
  std::optional<std::chrono::seconds> retry_after{};  ///< as it asked for, if it did
  std::string wrong{};  ///< why there was no answer, for people to read; else empty
};

/// Sends JSON to an http:// or https:// URL, and waits for the answer for at most `timeout`.
/// \param  headers  more of them, each "Name: value".
/// \throws std::bad_alloc; all else is in the answer.
[[nodiscard]] http_answer http_post(const std::string& url, const std::string& body,
                                    const std::vector<std::string>& headers = {},
                                    duration timeout = std::chrono::seconds{5});

/// Asks for a page, in the same way.
[[nodiscard]] http_answer http_get(const std::string& url,
                                   const std::vector<std::string>& headers = {},
                                   duration timeout = std::chrono::seconds{5});

/// Whether that is where these two can go.
[[nodiscard]] bool is_http_url(const std::string& text) noexcept;

}  // namespace millpool::admin
