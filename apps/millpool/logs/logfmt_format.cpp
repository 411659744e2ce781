// key=value key="quoted \"value\"" flag
// A line is logfmt if it has at least one key=value, and no quote is left open.
#include "apps/millpool/logs/line_format.hpp"

#include <algorithm>
#include <utility>

namespace millpool::logs {
namespace {

[[nodiscard]] bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

[[nodiscard]] char unescaped(char c) noexcept {
  if (c == 'n') return '\n';
  if (c == 't') return '\t';
  return c == 'r' ? '\r' : c;
}

class logfmt_parser final : public line_parser {
 public:
  explicit logfmt_parser(std::vector<std::string> names)
      : names_{std::move(names)}, texts_(names_.size()) {}

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    std::fill(values.begin(), values.end(), std::string_view{});
    bool has_pair = false;
    std::size_t at = 0;
    for (;;) {
      while (at < line.size() && is_blank(line[at])) ++at;
      if (at == line.size()) return has_pair;
      const std::size_t key_begin = at;
      while (at < line.size() && line[at] != '=' && !is_blank(line[at])) ++at;
      const std::string_view key = line.substr(key_begin, at - key_begin);
      if (key.find('"') != std::string_view::npos) return false;
      if (at == line.size() || line[at] != '=') {
        put(values, key, "true", false);
        continue;
      }
      if (key.empty()) return false;
      ++at;
      has_pair = true;
      if (at < line.size() && line[at] == '"') {
        if (!take_quoted(line, at, key, values)) return false;
        continue;
      }
      const std::size_t begin = at;
      while (at < line.size() && !is_blank(line[at])) ++at;
      put(values, key, line.substr(begin, at - begin), false);
    }
  }

 private:
  [[nodiscard]] bool take_quoted(std::string_view line, std::size_t& at, std::string_view key,
                                 std::span<std::string_view> values) {
    const std::size_t begin = ++at;
    bool escapes = false;
    for (; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') continue;
      escapes = true;
      if (++at == line.size()) return false;
    }
    if (at >= line.size()) return false;
    put(values, key, line.substr(begin, at - begin), escapes);
    ++at;
    return at == line.size() || is_blank(line[at]);
  }

  // A key that comes twice has its first value.
  void put(std::span<std::string_view> values, std::string_view key, std::string_view value,
           bool escapes) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].data() != nullptr || names_[i] != key) continue;
      if (!escapes) {
        values[i] = value;
        continue;
      }
      std::string& text = texts_[i];
      text.clear();
      for (std::size_t k = 0; k < value.size(); ++k) {
        text += value[k] == '\\' ? unescaped(value[++k]) : value[k];
      }
      values[i] = text;
    }
  }

  std::vector<std::string> names_;
  std::vector<std::string> texts_;  // values that had escapes
};

}  // namespace

std::unique_ptr<line_parser> make_logfmt_parser(std::vector<std::string> names) {
  return std::make_unique<logfmt_parser>(std::move(names));
}

}  // namespace millpool::logs
