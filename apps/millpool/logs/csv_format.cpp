// RFC 4180, a record a line: a quoted field cannot hold a newline, since input is cut at line ends.
// A line with another number of fields than the first is malformed, and so is one with a quote in a
// field that does not begin with one: it may be the rest of a record that had a newline.
#include "apps/millpool/logs/line_format.hpp"

#include <algorithm>
#include <utility>

namespace millpool::logs {
namespace {

// One field from `at`, which it moves to the delimiter or the end. \return whether it is whole.
// `value` is a view of the line, or of `text` if it has doubled quotes.
[[nodiscard]] bool take_field(std::string_view line, std::size_t& at, char delimiter,
                              std::string_view& value, std::string& text) {
  if (at == line.size() || line[at] != '"') {
    const std::size_t end = std::min(line.find(delimiter, at), line.size());
    value = line.substr(at, end - at);
    at = end;
    return value.find('"') == std::string_view::npos;
  }
  const std::size_t begin = ++at;
  bool doubled = false;
  for (;;) {
    at = line.find('"', at);
    if (at == std::string_view::npos) return false;
    if (at + 1 == line.size() || line[at + 1] != '"') break;
    doubled = true;
    at += 2;
  }
  value = line.substr(begin, at - begin);
  ++at;
  if (doubled) {
    text.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      text += value[i];
      if (value[i] == '"') ++i;
    }
    value = text;
  }
  return at == line.size() || line[at] == delimiter;
}

class csv_parser final : public line_parser {
 public:
  csv_parser(std::vector<std::size_t> which, std::size_t columns, char delimiter)
      : which_{std::move(which)}, columns_{columns}, delimiter_{delimiter}, texts_(which_.size()) {}

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    std::size_t at = 0;
    for (std::size_t column = 0;; ++column) {
      std::string_view value;
      if (!take_field(line, at, delimiter_, value, text_)) return false;
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (which_[i] == column) values[i] = keep(value, i);
      }
      if (at == line.size()) return column + 1 == columns_;
      ++at;
    }
  }

 private:
  // The next field with doubled quotes needs text_.
  [[nodiscard]] std::string_view keep(std::string_view value, std::size_t i) {
    if (value.data() != text_.data() || value.empty()) return value;
    texts_[i] = value;
    return texts_[i];
  }

  std::vector<std::size_t> which_;
  std::size_t columns_;
  char delimiter_;
  std::string text_;
  std::vector<std::string> texts_;
};

}  // namespace

std::optional<std::vector<std::string>> csv_columns(std::string_view line, char delimiter) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";  // as spreadsheets write it
  if (line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  std::vector<std::string> columns;
  std::string text;
  std::size_t at = 0;
  for (;;) {
    std::string_view value;
    if (!take_field(line, at, delimiter, value, text)) return std::nullopt;
    columns.emplace_back(value);
    if (at == line.size()) return columns;
    ++at;
  }
}

std::unique_ptr<line_parser> make_csv_parser(std::vector<std::size_t> which, std::size_t columns,
                                             char delimiter) {
  return std::make_unique<csv_parser>(std::move(which), columns, delimiter);
}

}  // namespace millpool::logs
