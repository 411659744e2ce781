// The access-log formats of Apache and nginx:
//   remote_host ident user [time] "method path protocol" status bytes "referer" "user_agent"
// A line is of them if it has all up to `bytes` in their places. What follows may be there or not,
// or end within its quotes, as lines do that a crash cut short: such a line still counts.
#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/text_scan.hpp"

#include <array>
#include <utility>

namespace millpool::logs {
namespace {

enum place : std::size_t {
  remote_host,
  ident,
  user,
  time,
  request,
  method,
  path,
  protocol,
  status,
  bytes,
  referer,
  user_agent,
  places
};
constexpr std::array<std::string_view, places> names{
    "remote_host", "ident",    "user",   "time",  "request", "method",
    "path",        "protocol", "status", "bytes", "referer", "user_agent"};

// The quote that ends what begins at `at`: one behind an odd number of backslashes does not.
[[nodiscard]] const char* closing_quote(const char* at, const char* end) noexcept {
  const char* quote = find_byte(at, end, '"');
  while (quote < end) {
    const char* before = quote;
    while (before > at && before[-1] == '\\') --before;
    if (((quote - before) & 1) == 0) return quote;
    quote = find_byte(quote + 1, end, '"');
  }
  return end;
}

class access_parser final : public line_parser {
 public:
  access_parser(std::vector<std::size_t> which, bool combined) : which_{std::move(which)} {
    for (const std::size_t place : which_) wants_end_ |= combined && place >= referer;
  }

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    std::array<std::string_view, places> found{};
    const char* const begin = line.data();
    const char* const end = begin + line.size();
    const char* const rest = parse_to_bytes(begin, end, found);
    if (rest == nullptr) return false;
    if (wants_end_) parse_end(rest, end, found);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = found[which_[i]];
    return true;
  }

 private:
  using fields = std::array<std::string_view, places>;

  // Null: not of this format. Else where `bytes` ends.
  [[nodiscard]] static const char* parse_to_bytes(const char* at, const char* end,
                                                  fields& found) noexcept {
    const char* const host_end = find_byte(at, end, ' ');
    if (host_end == at) return nullptr;
    const char* const ident_end = find_byte(host_end + 1, end, ' ');
    // A user's name may hold blanks (where nobody asks ident), but no bracket.
    const char* const bracket = find_byte(ident_end + 1, end, '[');
    if (bracket >= end || bracket < ident_end + 2 || bracket[-1] != ' ') return nullptr;
    const char* const time_end = parse_time_field(bracket + 1, end);
    if (time_end == nullptr) return nullptr;
    found[remote_host] = between(at, host_end);
    found[ident] = between(host_end + 1, ident_end);
    found[user] = between(ident_end + 1, bracket - 1);
    if (found[user].size() > 1 && has_field_more(found)) return nullptr;
    found[time] = between(bracket + 1, time_end);
    // `] "` lies between the time and the request.
    const char* const request_end = closing_quote(time_end + 3, end);
    if (end - request_end < 2 || request_end[1] != ' ') return nullptr;
    split_request(time_end + 3, request_end, found);
    return parse_status_and_bytes(request_end + 2, end, found);
  }

  // Whether there are four words before the time and the second is not the usual "-" of ident: so
  // vhost_combined lines are, whose fields would all be taken for the next one. Not inlined: it
  // would cost the usual lines registers.
  [[nodiscard, gnu::noinline]] static bool has_field_more(const fields& found) noexcept {
    return found[ident] != "-" && found[user].find(' ') != std::string_view::npos;
  }

  // `dd/Mon/yyyy:hh:mm:ss +zzzz] "`, by its separators.
  [[nodiscard]] static const char* parse_time_field(const char* at, const char* end) noexcept {
    constexpr std::ptrdiff_t size = 26;
    if (end - at < size + 3) return nullptr;
    const bool fits = at[2] == '/' && at[6] == '/' && at[11] == ':' && at[14] == ':' &&
                      at[17] == ':' && at[20] == ' ' && at[size] == ']' && at[size + 1] == ' ' &&
                      at[size + 2] == '"';
    return fits ? at + size : nullptr;
  }

  // What is no request, such as the bytes of somebody who speaks TLS to a plain port, is all path.
  static void split_request(const char* at, const char* end, fields& found) noexcept {
    constexpr std::ptrdiff_t protocol_size = 8;  // HTTP/1.1
    found[request] = between(at, end);
    const char* const method_end = find_byte(at, end, ' ');
    if (method_end == end) {
      found[path] = found[request];
      return;
    }
    const char* path_end = end;
    if (end - method_end > protocol_size + 1 && end[-protocol_size - 1] == ' ') {
      path_end = end - protocol_size - 1;
    } else {
      const std::size_t last_blank = found[request].rfind(' ');
      if (at + last_blank > method_end) path_end = at + last_blank;
    }
    found[method] = between(at, method_end);
    found[path] = between(method_end + 1, path_end);
    if (path_end < end) found[protocol] = between(path_end + 1, end);
  }

  [[nodiscard]] static const char* parse_status_and_bytes(const char* at, const char* end,
                                                          fields& found) noexcept {
    if (end - at < 5) return nullptr;
    if (!is_digit(at[0]) || !is_digit(at[1]) || !is_digit(at[2]) || at[3] != ' ') return nullptr;
    found[status] = between(at, at + 3);
    const char* const from = at + 4;
    const char* to = from;
    while (to < end && is_digit(*to)) ++to;
    if (to == from && *to == '-') ++to;
    if (to == from || (to < end && *to != ' ')) return nullptr;
    found[bytes] = between(from, to);
    return to;
  }

  static void parse_end(const char* at, const char* end, fields& found) noexcept {
    at = parse_quoted(at, end, found[referer]);
    parse_quoted(at, end, found[user_agent]);
  }

  static const char* parse_quoted(const char* at, const char* end,
                                  std::string_view& into) noexcept {
    if (end - at < 2 || at[0] != ' ' || at[1] != '"') return end;
    const char* const close = closing_quote(at + 2, end);
    into = between(at + 2, close);
    return close < end ? close + 1 : end;
  }

  std::vector<std::size_t> which_;
  bool wants_end_ = false;
};

}  // namespace

std::span<const std::string_view> access_fields() noexcept { return names; }

std::unique_ptr<line_parser> make_access_parser(std::vector<std::size_t> which, bool combined) {
  return std::make_unique<access_parser>(std::move(which), combined);
}

}  // namespace millpool::logs
