#include "apps/millpool/logs/filter.hpp"

#include "apps/millpool/logs/number.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace millpool::logs {

// Recursive descent, a function a strength. The first fault ends it: fault_ is set, and everything
// returns.
class filter_reader {
 public:
  filter_reader(std::string_view text, std::string_view time_field, int year)
      : text_{text}, time_field_{time_field}, year_{year} {}

  [[nodiscard]] std::expected<filter, std::string> read() {
    read_any_of();
    skip_blanks();
    if (!fault_ && at_ < text_.size()) fail("and, or or the end was expected");
    if (fault_) return std::unexpected(*fault_);
    return std::move(out_);
  }

 private:
  using op = filter::op;
  using node = filter::node;
  using number = std::uint32_t;

  static constexpr unsigned deepest = 200;  // of parentheses and nots: the stack is finite

  struct value {
    std::string text;
    bool quoted = false;
    std::size_t at = 0;
  };

  void fail(const std::string& why) { fail_at(at_, why); }
  void fail_at(std::size_t at, const std::string& why) {
    if (!fault_) fault_ = "column " + std::to_string(at + 1) + ": " + why;
  }

  number add(node made) {
    out_.nodes_.push_back(std::move(made));
    return static_cast<number>(out_.nodes_.size() - 1);
  }

  number read_any_of() {
    return read_chain(op::any_of, "or", "||", [&] { return read_all_of(); });
  }
  number read_all_of() {
    return read_chain(op::all_of, "and", "&&", [&] { return read_not(); });
  }
  template <class Read>
  number read_chain(op joins, std::string_view word, std::string_view sign, Read read) {
    std::vector<number> children{read()};
    while (!fault_ && (take_word(word) || take_sign(sign))) children.push_back(read());
    if (children.size() == 1) return children.front();
    return add({.is = joins, .children = std::move(children)});
  }

  number read_not() {
    if (depth_ == deepest) fail("nested too deeply");
    if (fault_) return 0;
    const bool negates = take_word("not") || (!next_is("!=") && !next_is("!~") && take_sign("!"));
    if (!negates) return read_primary();
    ++depth_;
    const number inner = read_not();
    --depth_;
    return add({.is = op::none_of, .children = {inner}});
  }

  number read_primary() {
    if (!take_sign("(")) return read_comparison();
    ++depth_;
    const number inner = read_any_of();
    --depth_;
    if (!fault_ && !take_sign(")")) fail("a ) is missing");
    return inner;
  }

  number read_comparison() {
    skip_blanks();
    const std::size_t begin = at_;
    const bool quoted = next_is("\"") || next_is("'");
    const std::string name = quoted ? read_value().text : std::string{take_name()};
    if (fault_) return 0;
    if (name.empty()) {
      fail_at(begin, begin == text_.size() ? "a field was expected, and here it ends"
                                           : "a field was expected");
      return 0;
    }
    if (!quoted && (name == "and" || name == "or" || name == "not" || name == "in")) {
      fail_at(begin, "a field was expected, not '" + name + "'");
      return 0;
    }
    const number field = field_number(name);
    if (take_word("in")) return read_list(name, field);
    if (take_sign("=~")) return read_regex(field, false);
    if (take_sign("!~")) return read_regex(field, true);
    constexpr std::pair<std::string_view, op> signs[] = {
        {"==", op::eq}, {"!=", op::ne}, {"<=", op::le}, {">=", op::ge},
        {"=", op::eq},  {"<", op::lt},  {">", op::gt}};
    for (const auto& [sign, is] : signs) {
      if (take_sign(sign)) return add(comparison(is, name, field, read_value()));
    }
    return add({.is = op::is_there, .field = field});
  }

  number read_list(const std::string& name, number field) {
    if (!take_sign("(")) fail("a ( was expected after in");
    std::vector<number> children;
    do {
      children.push_back(add(comparison(op::eq, name, field, read_value())));
    } while (!fault_ && take_sign(","));
    if (!fault_ && !take_sign(")")) fail("a , or a ) was expected");
    return add({.is = op::any_of, .children = std::move(children)});
  }

  number read_regex(number field, bool negates) {
    const value wanted = read_value();
    if (fault_) return 0;
    auto made = line_matcher::make(wanted.text);
    if (!made) {
      fail_at(wanted.at, made.error());
      return 0;
    }
    out_.matchers_.push_back(std::move(*made));
    const number inner = add(
        {.is = op::re, .field = field, .matcher = static_cast<number>(out_.matchers_.size() - 1)});
    return negates ? add({.is = op::none_of, .children = {inner}}) : inner;
  }

  node comparison(op is, const std::string& name, number field, value wanted) {
    node made{.is = is, .field = field};
    if (fault_) return made;
    if (name == time_field_) {
      const auto time = parse_time(wanted.text, year_);
      if (!time) fail_at(wanted.at, "'" + wanted.text + "' is no time");
      made.compares = filter::value_kind::time;
      made.time = time.value_or(0);
    } else if (const auto parsed = parse_number(wanted.text); parsed && !wanted.quoted) {
      made.compares = filter::value_kind::number;
      made.number = *parsed;
    }
    made.text = std::move(wanted.text);
    return made;
  }

  value read_value() {
    skip_blanks();
    value out{.text = {}, .quoted = false, .at = at_};
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      read_quoted(out);
    } else {
      while (at_ < text_.size() && !is_blank(text_[at_]) &&
             std::string_view{"(),&|!=<>\"'"}.find(text_[at_]) == std::string_view::npos) {
        out.text += text_[at_++];
      }
      if (out.text.empty()) fail("a value was expected");
    }
    return out;
  }

  // A backslash keeps the quote from ending the text; before anything else it is itself, so that
  // regular expressions need no second one.
  void read_quoted(value& out) {
    out.quoted = true;
    const char quote = text_[at_++];
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == quote) ++at_;
      out.text += text_[at_];
    }
    if (at_ == text_.size()) {
      fail_at(out.at, "the quote is left open");
    } else {
      ++at_;
    }
  }

  [[nodiscard]] number field_number(const std::string& name) {
    const auto found = std::find(out_.fields_.begin(), out_.fields_.end(), name);
    if (found != out_.fields_.end()) return static_cast<number>(found - out_.fields_.begin());
    out_.fields_.push_back(name);
    return static_cast<number>(out_.fields_.size() - 1);
  }

  [[nodiscard]] static bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n'; }
  [[nodiscard]] static bool is_name_byte(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '@' || c == '-' || c == '/';
  }
  void skip_blanks() noexcept {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  [[nodiscard]] std::string_view take_name() noexcept {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  [[nodiscard]] bool next_is(std::string_view sign) noexcept {
    skip_blanks();
    return text_.substr(at_).starts_with(sign);
  }
  [[nodiscard]] bool take_sign(std::string_view sign) noexcept {
    if (fault_ || !next_is(sign)) return false;
    at_ += sign.size();
    return true;
  }
  [[nodiscard]] bool take_word(std::string_view word) noexcept {
    if (fault_ || !next_is(word)) return false;
    const std::size_t end = at_ + word.size();
    if (end < text_.size() && is_name_byte(text_[end])) return false;
    at_ = end;
    return true;
  }

  std::string_view text_;
  std::string_view time_field_;
  int year_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
  std::optional<std::string> fault_;
  filter out_;
};

std::expected<filter, std::string> filter::parse(std::string_view text, std::string_view time_field,
                                                 int year) {
  return filter_reader{text, time_field, year}.read();
}

bool filter::holds(op is, int order) noexcept {
  switch (is) {
    case op::eq:
      return order == 0;
    case op::ne:
      return order != 0;
    case op::lt:
      return order < 0;
    case op::le:
      return order <= 0;
    case op::gt:
      return order > 0;
    default:
      return order >= 0;
  }
}

bool filter::matches(std::size_t at, std::span<const std::string_view> values,
                     time_reader& times) const {
  const node& here = nodes_[at];
  const auto is_so = [&](std::uint32_t child) { return matches(child, values, times); };
  switch (here.is) {
    case op::all_of:
      return std::all_of(here.children.begin(), here.children.end(), is_so);
    case op::any_of:
      return std::any_of(here.children.begin(), here.children.end(), is_so);
    case op::none_of:
      return !is_so(here.children.front());
    case op::is_there:
      return !values[here.field].empty();
    case op::re:
      return values[here.field].data() != nullptr &&
             matchers_[here.matcher].matches(values[here.field]);
    default:
      break;
  }
  const std::string_view value = values[here.field];
  if (value.data() == nullptr) return here.is == op::ne;
  const auto compare = [&](const auto& is, const auto& wanted) {
    if (!is) return here.is == op::ne;
    return holds(here.is, *is < wanted ? -1 : static_cast<int>(wanted < *is));
  };
  switch (here.compares) {
    case value_kind::number:
      return compare(parse_number(value), here.number);
    case value_kind::time:
      return compare(times.read(value), here.time);
    case value_kind::text:
      break;
  }
  return holds(here.is, value.compare(here.text));
}

}  // namespace millpool::logs
