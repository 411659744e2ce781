#include "apps/millpool/logs/line_matcher.hpp"

#include "apps/millpool/logs/re2_options.hpp"
#include "apps/millpool/logs/text_scan.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <re2/re2.h>
#include <utility>

namespace millpool::logs {
namespace {

// What RE2 searches at once. A call costs as much as a line does, so it is many lines where the
// same ones are found.
enum class search_unit : std::uint8_t {
  block,  // all lines there are
  run,    // of lines without a \r, before which RE2 would see no $
  line
};

[[nodiscard]] search_unit unit_for(std::string_view expression) noexcept {
  auto unit = search_unit::block;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] == '\\') {
      // \A and \z are of the text, and \C is any byte, a newline, too.
      ++i;
      if (i < expression.size() && std::strchr("AzC", expression[i])) return search_unit::line;
    } else if (expression[i] == '$') {
      unit = search_unit::run;
    } else if (expression.substr(i).starts_with("(?")) {
      // (?-m) makes ^ and $ what \A and \z are.
      const std::size_t flags_end = expression.find_first_not_of("imsU", i + 2);
      if (flags_end < expression.size() && expression[flags_end] == '-') return search_unit::line;
    }
  }
  return unit;
}

[[nodiscard]] const char* line_begin(const char* at, const char* within) noexcept {
  const void* const before = ::memrchr(at, '\n', static_cast<std::size_t>(within - at));
  return before != nullptr ? static_cast<const char*>(before) + 1 : at;
}

// With its newline.
[[nodiscard]] std::string_view line_around(const char* within, const char* at,
                                           const char* end) noexcept {
  const char* const line_end = find_line_end(within, end);
  return between(line_begin(at, within), line_end < end ? line_end + 1 : end);
}

// Where the lines from `at` on end that can be searched at once; `at`: the first is one by itself.
[[nodiscard]] const char* unit_end(search_unit unit, const char* at, const char* end) noexcept {
  // Looked through for each line that matches, so not long; yet longer than a call of RE2 takes.
  constexpr std::ptrdiff_t most = 4096;
  if (unit == search_unit::line) return at;
  if (unit == search_unit::block) return end;
  const char* const line_end = end - at > most ? find_line_end(at + most, end) : end;
  const char* const lines_end = line_end < end ? line_end + 1 : end;
  const void* const found = std::memchr(at, '\r', static_cast<std::size_t>(lines_end - at));
  return found == nullptr ? lines_end : line_begin(at, static_cast<const char*>(found));
}

[[nodiscard]] std::string_view without(char last, std::string_view text) noexcept {
  return text.ends_with(last) ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

struct line_matcher::body {
  std::string literal;
  std::optional<literal_finder> finder;  // of the literal
  std::optional<RE2> regex;              // else
  search_unit unit = search_unit::block;
};

std::expected<line_matcher, std::string> line_matcher::make(const std::string& expression) {
  auto made = std::make_unique<body>();
  if (expression.find_first_of("\\^$.|?*+()[]{}\n") == std::string::npos) {
    made->literal = expression;
    made->finder.emplace(made->literal);
    return line_matcher{std::move(made)};
  }
  RE2::Options options = re2_options();
  options.set_never_nl(true);  // so that many lines are searched at once
  // ^ and $ are a line's: RE2 sees many.
  made->regex.emplace("(?m:" + expression + ")", options);
  if (!made->regex->ok()) {
    const RE2 alone{expression, options};  // whose complaint does not show our parentheses
    const std::string& why = alone.ok() ? made->regex->error() : alone.error();
    return std::unexpected("'" + expression + "' is no regular expression: " + why);
  }
  made->unit = unit_for(expression);
  return line_matcher{std::move(made)};
}

line_matcher::line_matcher(std::unique_ptr<body> made) noexcept : body_{std::move(made)} {}
line_matcher::line_matcher(line_matcher&&) noexcept = default;
line_matcher& line_matcher::operator=(line_matcher&&) noexcept = default;
line_matcher::~line_matcher() = default;

bool line_matcher::matches(std::string_view text) const {
  if (body_->regex) {
    return body_->regex->Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr,
                               0);
  }
  return body_->finder->is_in(text);
}

std::string_view line_matcher::next_line(const char* at, const char* end) const {
  if (!body_->regex) {
    const char* const found = body_->finder->find(at, end);
    return found < end ? line_around(found, at, end) : std::string_view{};
  }
  while (at < end) {
    const char* const searched = unit_end(body_->unit, at, end);
    const char* within = at;
    if (searched > at) {
      re2::StringPiece found;
      const re2::StringPiece lines{at, static_cast<std::size_t>(searched - at)};
      const bool any = body_->regex->Match(lines, 0, lines.size(), RE2::UNANCHORED, &found, 1);
      // Behind the last newline there is no line any more.
      if (!any || (found.data() == searched && searched[-1] == '\n')) {
        at = searched;
        continue;
      }
      within = found.data();
    }
    const std::string_view line = line_around(within, at, end);
    const std::string_view text = without('\n', line);
    const bool is_found = searched > at && !text.ends_with('\r');
    if (is_found || matches(without('\r', text))) return line;
    at = line.data() + line.size();
  }
  return {};
}

}  // namespace millpool::logs
