// Syslog lines, as files and wires have them:
//   <PRI>1 2015-05-17T10:05:03.25Z host program pid message_id [id key="value"] message   RFC 5424
//   <PRI>May 17 10:05:03 host program[pid]: message                                      RFC 3164
//   2015-05-17T10:05:03.25+02:00 host program[pid]: message                  rsyslog's file format
// <PRI> may be absent from the last two: files do not have it.
#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/text_scan.hpp"

#include <array>
#include <utility>

namespace millpool::logs {
namespace {

enum place : std::size_t {
  facility,
  severity,
  time,
  host,
  program,
  pid,
  message_id,
  structured_data,
  message,
  places
};
constexpr std::array<std::string_view, places> names{"facility",   "severity",        "time",
                                                     "host",       "program",         "pid",
                                                     "message_id", "structured_data", "message"};
constexpr std::array<std::string_view, 24> facilities{
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<std::string_view, 8> severities{"emerg",   "alert",  "crit", "err",
                                                     "warning", "notice", "info", "debug"};

using fields = std::array<std::string_view, places>;

// Takes what is before the next blank, and the blank. "-" stands for nothing.
[[nodiscard]] bool take_word(std::string_view& rest, std::string_view& into) noexcept {
  const std::size_t end = rest.find(' ');
  if (end == 0 || rest.empty()) return false;
  const std::string_view word = rest.substr(0, end);
  if (word != "-") into = word;
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return true;
}

// <0> to <191>. Absent is fine; false: it is there and is none.
[[nodiscard]] bool take_priority(std::string_view& rest, fields& found) noexcept {
  if (!rest.starts_with('<')) return true;
  const std::size_t close = rest.substr(0, 5).find('>');
  if (close == std::string_view::npos || close < 2) return false;
  unsigned value = 0;
  for (const char c : rest.substr(1, close - 1)) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value / 8 >= facilities.size()) return false;
  found[facility] = facilities[value / 8];
  found[severity] = severities[value % 8];
  rest.remove_prefix(close + 1);
  return true;
}

// One or more [id key="value"...], or "-".
[[nodiscard]] bool take_structured_data(std::string_view& rest, fields& found) noexcept {
  if (!rest.starts_with('[')) {
    std::string_view nothing;
    return take_word(rest, nothing) && nothing.empty();
  }
  std::size_t at = 0;
  while (at < rest.size() && rest[at] == '[') {
    bool quoted = false;
    for (++at; at < rest.size() && (quoted || rest[at] != ']'); ++at) {
      if (rest[at] == '"') quoted = !quoted;
      if (quoted && rest[at] == '\\') ++at;
    }
    if (at >= rest.size()) return false;
    ++at;
  }
  if (at < rest.size() && rest[at] != ' ') return false;
  found[structured_data] = rest.substr(0, at);
  rest.remove_prefix(at < rest.size() ? at + 1 : at);
  return true;
}

[[nodiscard]] bool parse_5424(std::string_view rest, fields& found) noexcept {
  if (!take_word(rest, found[time]) || !take_word(rest, found[host]) ||
      !take_word(rest, found[program]) || !take_word(rest, found[pid]) ||
      !take_word(rest, found[message_id]) || !take_structured_data(rest, found)) {
    return false;
  }
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // the message is UTF-8, it says
  found[message] = rest;
  return true;
}

// `program[pid]: message`, `program: message`; else all is message.
void split_tag(std::string_view rest, fields& found) noexcept {
  found[message] = rest;
  std::size_t at = 0;
  while (at < rest.size() && rest[at] != ':' && rest[at] != '[' && rest[at] != ' ') ++at;
  if (at == 0 || at == rest.size() || rest[at] == ' ') return;
  std::size_t colon = at;
  if (rest[at] == '[') {
    const std::size_t close = rest.find(']', at);
    if (close == std::string_view::npos || close + 1 >= rest.size() || rest[close + 1] != ':')
      return;
    found[pid] = rest.substr(at + 1, close - at - 1);
    colon = close + 1;
  }
  found[program] = rest.substr(0, at);
  rest.remove_prefix(colon + 1);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  found[message] = rest;
}

// `May 17 10:05:03 `, by its shape: the day may be padded with a blank.
[[nodiscard]] bool is_3164_time(std::string_view text) noexcept {
  return text.size() > 16 && text[0] >= 'A' && text[0] <= 'S' && text[3] == ' ' &&
         (text[4] == ' ' || is_digit(text[4])) && is_digit(text[5]) && text[6] == ' ' &&
         is_digit(text[7]) && text[9] == ':' && text[12] == ':' && is_digit(text[14]) &&
         text[15] == ' ';
}

[[nodiscard]] bool is_iso_time(std::string_view text) noexcept {
  return text.size() > 20 && is_digit(text[0]) && text[4] == '-' && text[7] == '-' &&
         text[10] == 'T' && text[13] == ':' && text[16] == ':';
}

[[nodiscard]] bool parse_3164(std::string_view rest, fields& found) noexcept {
  if (is_3164_time(rest)) {
    found[time] = rest.substr(0, 15);
    rest.remove_prefix(16);
  } else if (!is_iso_time(rest) || !take_word(rest, found[time])) {
    return false;
  }
  if (!take_word(rest, found[host])) return false;
  split_tag(rest, found);
  return true;
}

class syslog_parser final : public line_parser {
 public:
  explicit syslog_parser(std::vector<std::size_t> which) : which_{std::move(which)} {}

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    fields found{};
    std::string_view rest = line;
    if (!take_priority(rest, found)) return false;
    const bool is_5424 = rest.size() < line.size() && rest.starts_with("1 ");
    if (!(is_5424 ? parse_5424(rest.substr(2), found) : parse_3164(rest, found))) return false;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = found[which_[i]];
    return true;
  }

 private:
  std::vector<std::size_t> which_;
};

}  // namespace

std::span<const std::string_view> syslog_fields() noexcept { return names; }

std::unique_ptr<line_parser> make_syslog_parser(std::vector<std::size_t> which) {
  return std::make_unique<syslog_parser>(std::move(which));
}

}  // namespace millpool::logs
