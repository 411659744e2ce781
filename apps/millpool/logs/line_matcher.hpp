#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace millpool::logs {

/// A regular expression (RE2 syntax) or literal that is looked for in lines. A line ends before its
/// newline, or \r\n: there is what $ and \z mean.
///
/// Thread safety  const members may be called concurrently.
class line_matcher {
 public:
  /// An expression without special characters is a literal, and found much faster.
  /// \return what is wrong with the expression.
  static std::expected<line_matcher, std::string> make(const std::string& expression);

  line_matcher(line_matcher&&) noexcept;
  line_matcher& operator=(line_matcher&&) noexcept;
  ~line_matcher();

  /// Whether it is somewhere in `text`, which is a line without its end, or a value.
  [[nodiscard]] bool matches(std::string_view text) const;

  /// The first line in [at, end) that matches, with its newline if it has one; else nothing. `at`
  /// begins a line, and what is there is padded: see text_scan.hpp.
  [[nodiscard]] std::string_view next_line(const char* at, const char* end) const;

 private:
  struct body;
  explicit line_matcher(std::unique_ptr<body> made) noexcept;

  std::unique_ptr<body> body_;
};

}  // namespace millpool::logs
