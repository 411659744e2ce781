#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::app {

/// One JSON object, written as one line, its members in the order in which they were put.
///
/// Bytes that are not UTF-8 become U+FFFD, since JSON has no others. nlohmann-json lives behind
/// this class: it costs seconds of compile time in each file that includes it.
class json_line {
 public:
  json_line();
  ~json_line();
  json_line(const json_line&) = delete;
  json_line& operator=(const json_line&) = delete;

  json_line& put(std::string_view name, std::string_view text);
  json_line& put(std::string_view name, std::int64_t number);
  json_line& put(std::string_view name, double number);
  json_line& put(std::string_view name, const std::vector<std::string>& texts);

  /// The object, and a newline.
  [[nodiscard]] std::string text() const;

 private:
  struct body;
  std::unique_ptr<body> body_;
};

}  // namespace millpool::app
