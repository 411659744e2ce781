#include "apps/millpool/run/joblog_format.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

namespace millpool::run {
namespace {

using std::chrono::milliseconds;

// "1795481893.974", width 0; or "     0.003", width 10.
void append_seconds(std::string& out, milliseconds time, int width) {
  char text[40];
  const long long ms = std::max<long long>(time.count(), 0);
  const int length = std::snprintf(text, sizeof text, "%*lld.%03lld", std::max(width - 4, 0),
                                   ms / 1000, ms % 1000);
  out.append(text, static_cast<std::size_t>(length));
}

template <class Number>
void append_number(std::string& out, Number number) {
  char text[24];
  const auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
  out.append(text, static_cast<std::size_t>(end - text));
}

[[nodiscard]] std::optional<std::string_view> take_column(std::string_view& line) {
  const auto tab = line.find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  const std::string_view column = line.substr(0, tab);
  line.remove_prefix(tab + 1);
  return column;
}

template <class Number>
[[nodiscard]] bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// GNU parallel pads runtimes on the left, and a clock that was set back makes them negative.
[[nodiscard]] bool parse_seconds(std::string_view text, milliseconds& time) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  double seconds = 0;
  if (!parse_number(text, seconds) || !(seconds > -1e12 && seconds < 1e12)) return false;
  time = milliseconds{static_cast<long long>(seconds * 1000)};
  return true;
}

}  // namespace

void append_joblog_line(std::string& out, const joblog_entry& entry) {
  append_number(out, entry.seq);
  out += '\t';
  out += entry.host;
  out += '\t';
  append_seconds(out, entry.start, 0);
  out += '\t';
  append_seconds(out, entry.runtime, 10);
  out += '\t';
  append_number(out, entry.send);
  out += '\t';
  append_number(out, entry.receive);
  out += '\t';
  append_number(out, entry.exit_value);
  out += '\t';
  append_number(out, entry.signal);
  out += '\t';
  const std::size_t command = out.size();
  out += entry.command;
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(command), out.end(), '\n', '\0');
  out += '\n';
}

std::expected<joblog_entry, std::string> parse_joblog_line(std::string_view line) {
  joblog_entry entry;
  const auto column = [&](const char* name, auto&& parse) -> std::expected<void, std::string> {
    const auto text = take_column(line);
    if (!text) return std::unexpected("it ends before the column " + std::string(name));
    if (!parse(*text))
      return std::unexpected("the column " + std::string(name) + " is '" + std::string(*text) +
                             "'");
    return {};
  };
  const auto number = [](auto& target) {
    return [&target](std::string_view text) { return parse_number(text, target); };
  };
  const auto seconds = [](milliseconds& target) {
    return [&target](std::string_view text) { return parse_seconds(text, target); };
  };

  auto good =
      column("Seq", [&](auto text) { return parse_number(text, entry.seq) && entry.seq > 0; });
  if (good)
    good = column("Host", [&](auto text) {
      entry.host = text;
      return !text.empty();
    });
  if (good) good = column("Starttime", seconds(entry.start));
  if (good) good = column("JobRuntime", seconds(entry.runtime));
  if (good) good = column("Send", number(entry.send));
  if (good) good = column("Receive", number(entry.receive));
  if (good) good = column("Exitval", number(entry.exit_value));
  if (good) good = column("Signal", number(entry.signal));
  if (!good) return std::unexpected(good.error());
  entry.command = line;
  return entry;
}

}  // namespace millpool::run
