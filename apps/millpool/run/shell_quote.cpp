#include "apps/millpool/run/shell_quote.hpp"

#include <algorithm>

namespace millpool::run {
namespace {

[[nodiscard]] constexpr bool is_safe(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '+' || c == '/';
}

}  // namespace

void append_shell_quoted(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "''";
    return;
  }
  if (std::all_of(text.begin(), text.end(), is_safe)) {
    out += text;
    return;
  }
  // A quote inside becomes '"'"': close, a quoted quote, open again. GNU parallel drops one empty
  // pair of quotes at each end, which only a quote there can leave.
  const std::size_t begin = out.size();
  out += '\'';
  for (const char c : text) {
    if (c == '\'') {
      out += "'\"'\"'";
    } else {
      out += c;
    }
  }
  out += '\'';
  if (text.back() == '\'') out.resize(out.size() - 2);
  if (text.front() == '\'') out.erase(begin, 2);
}

std::string shell_quoted(std::string_view text) {
  std::string out;
  append_shell_quoted(out, text);
  return out;
}

}  // namespace millpool::run
