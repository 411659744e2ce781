#pragma once

#include "apps/millpool/logs/line_format.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs::test {

/// What a parser finds in one line; nothing: malformed. An absent field is "(absent)".
inline std::optional<std::vector<std::string>> parse(line_parser& parser, std::string_view line,
                                                     std::size_t fields) {
  const std::string text = padded(line);
  std::vector<std::string_view> values(fields);
  if (!parser.parse(std::string_view{text}.substr(0, line.size()), values)) return std::nullopt;
  std::vector<std::string> out;
  for (const std::string_view value : values) {
    out.emplace_back(value.data() == nullptr ? "(absent)" : value);
  }
  return out;
}

inline std::optional<std::vector<std::string>> parse(const line_format& format,
                                                     const std::vector<std::string>& fields,
                                                     std::string_view line) {
  const auto parser = make_parser(format, fields);
  if (!parser) throw std::runtime_error{parser.error()};
  return parse(**parser, line, fields.size());
}

inline line_format format_of(format_kind kind) {
  return {.kind = kind, .pattern = {}, .columns = {}};
}
inline line_format pattern_of(std::string pattern) {
  return {.kind = format_kind::pattern, .pattern = std::move(pattern), .columns = {}};
}

inline std::vector<std::string> all_padded(std::initializer_list<std::string_view> lines) {
  std::vector<std::string> out;
  for (const std::string_view line : lines) out.push_back(padded(line));
  return out;
}

}  // namespace millpool::logs::test
