// --pattern: text with named fields, or a regular expression with named groups.
//   {remote_host} - {user} [{time}] "{request}" {status} {}
// Between two fields there is text, which ends the first: at its first place. {} is a field that
// nobody asks for; {{ and }} are braces. With (?P<name>...) in it, the pattern is an RE2 expression
// that the whole line has to match.
#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/re2_options.hpp"

#include <algorithm>
#include <re2/re2.h>
#include <utility>

namespace millpool::logs {
namespace {

// The text before a field, and the field; the last has no field if the pattern ends in text.
struct piece {
  std::string text;
  std::optional<std::string> field;
};

[[nodiscard]] bool is_regex(const std::string& pattern) {
  return pattern.find("(?P<") != std::string::npos;
}

[[nodiscard]] bool is_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '@';
  });
}

[[nodiscard]] std::string at_column(std::size_t at) {
  return " at column " + std::to_string(at + 1) + " of the pattern";
}

[[nodiscard]] std::expected<std::vector<piece>, std::string> split(std::string_view pattern) {
  std::vector<piece> pieces;
  piece now;
  bool any = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    const bool doubled = at + 1 < pattern.size() && pattern[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      now.text += c;
      ++at;
    } else if (c == '}') {
      return std::unexpected("a } without {" + at_column(at) + " (}} is a brace)");
    } else if (c != '{') {
      now.text += c;
    } else {
      const std::size_t close = pattern.find('}', at);
      if (close == std::string_view::npos) {
        return std::unexpected("a { without }" + at_column(at) + " ({{ is a brace)");
      }
      const std::string_view name = pattern.substr(at + 1, close - at - 1);
      if (!is_name(name)) {
        return std::unexpected("'" + std::string(name) + "' is no name of a field" +
                               at_column(at + 1));
      }
      if (now.text.empty() && !pieces.empty()) {
        return std::unexpected("no text between two fields" + at_column(at));
      }
      now.field = std::string(name);
      any |= !name.empty();
      pieces.push_back(std::exchange(now, {}));
      at = close;
    }
  }
  if (!any) return std::unexpected("the pattern names no field, as {name} or (?P<name>...)");
  if (!now.text.empty()) pieces.push_back(std::move(now));
  return pieces;
}

class pieces_parser final : public line_parser {
 public:
  pieces_parser(std::vector<piece> pieces, std::vector<std::size_t> which)
      : pieces_{std::move(pieces)}, which_{std::move(which)} {
    std::size_t named = 0;
    for (const piece& each : pieces_) {
      numbers_.push_back(each.field && !each.field->empty() ? named++ : none);
    }
    found_.resize(named);
  }

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    if (!line.starts_with(pieces_.front().text)) return false;
    line.remove_prefix(pieces_.front().text.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (!pieces_[i].field) return line.empty() && give(values);
      const bool last = i + 1 == pieces_.size();
      const bool ends_in_text = i + 2 == pieces_.size() && !pieces_[i + 1].field;
      std::size_t end = line.size();
      if (ends_in_text) {  // what the line ends with, not its first place
        if (!line.ends_with(pieces_[i + 1].text)) return false;
        end -= pieces_[i + 1].text.size();
      } else if (!last) {
        end = line.find(pieces_[i + 1].text);
        if (end == std::string_view::npos) return false;
      }
      if (numbers_[i] != none) found_[numbers_[i]] = line.substr(0, end);
      line.remove_prefix(last ? line.size() : end + pieces_[i + 1].text.size());
    }
    return give(values);
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  [[nodiscard]] bool give(std::span<std::string_view> values) const {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = found_[which_[i]];
    return true;
  }

  std::vector<piece> pieces_;
  std::vector<std::size_t> which_;
  std::vector<std::size_t> numbers_;  // for each piece, its field's place among the named ones
  std::vector<std::string_view> found_;
};

class regex_parser final : public line_parser {
 public:
  regex_parser(const std::string& pattern, std::vector<std::size_t> which)
      : regex_{pattern, re2_options()}, which_{std::move(which)} {
    for (const auto& [number, name] : regex_.CapturingGroupNames()) groups_.push_back(number);
    found_.resize(static_cast<std::size_t>(regex_.NumberOfCapturingGroups()) + 1);
  }

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    if (!regex_.Match(re2::StringPiece{line.data(), line.size()}, 0, line.size(), RE2::ANCHOR_BOTH,
                      found_.data(), static_cast<int>(found_.size()))) {
      return false;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const re2::StringPiece& group = found_[static_cast<std::size_t>(groups_[which_[i]])];
      values[i] = {group.data(), group.size()};
    }
    return true;
  }

 private:
  RE2 regex_;
  std::vector<std::size_t> which_;
  std::vector<int> groups_;  // the named groups' numbers, in order
  std::vector<re2::StringPiece> found_;
};

}  // namespace

std::expected<std::vector<std::string>, std::string> pattern_fields(const std::string& pattern) {
  std::vector<std::string> names;
  if (is_regex(pattern)) {
    const RE2 regex{pattern, re2_options()};
    if (!regex.ok())
      return std::unexpected("the pattern is no regular expression: " + regex.error());
    for (const auto& [number, name] : regex.CapturingGroupNames()) names.push_back(name);
  } else {
    const auto pieces = split(pattern);
    if (!pieces) return std::unexpected(pieces.error());
    for (const piece& each : *pieces) {
      if (each.field && !each.field->empty()) names.push_back(*each.field);
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      return std::unexpected("the pattern has two fields '" + names[i] + "'");
    }
  }
  return names;
}

std::unique_ptr<line_parser> make_pattern_parser(const std::string& pattern,
                                                 std::vector<std::size_t> which) {
  if (is_regex(pattern)) return std::make_unique<regex_parser>(pattern, std::move(which));
  return std::make_unique<pieces_parser>(*split(pattern), std::move(which));
}

}  // namespace millpool::logs
