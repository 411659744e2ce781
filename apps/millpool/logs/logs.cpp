#include "apps/millpool/logs/logs.hpp"

#include "apps/millpool/logs/options.hpp"
#include "apps/millpool/logs/session.hpp"
#include "apps/millpool/logs/text_scan.hpp"
#include "apps/support/flags.hpp"
#include "apps/support/io.hpp"
#include "apps/support/operating_flags.hpp"
#include "millpool/base/cpu.hpp"

#include <chrono>
#include <exception>
#include <sys/eventfd.h>
#include <utility>

// A run, file by file: options (what is asked for) -> query (bound to a format) -> session (the
// main thread) -> scan (blocks on a pool) -> source (where blocks come from) -> findings, in
// query.cpp (lines into answers) -> report (answers out).

namespace millpool::logs {
namespace {

constexpr std::size_t sample_lines = 64;

[[nodiscard]] int refuse(std::string_view sentence) {
  app::complain("millpool logs", sentence);
  return exit_bad_input;
}

[[nodiscard]] int this_year() {
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  return static_cast<int>(std::chrono::year_month_day{today}.year());
}

// The first whole lines, each as a parser wants it.
[[nodiscard]] std::vector<std::string> sample_of(std::string_view begin, bool skips_first) {
  std::vector<std::string> lines;
  while (!begin.empty() && lines.size() < sample_lines) {
    const auto next = first_line(begin);
    begin.remove_prefix(next.size_with_newline);
    if (!std::exchange(skips_first, false) && !next.line.empty())
      lines.push_back(padded(next.line));
  }
  return lines;
}

// The first input that has something: its first lines decide what the format is.
// Those before it stay open, too: a pipe cannot be opened twice.
[[nodiscard]] input* open_first(std::vector<input>& inputs, const logs_options& options,
                                int stop_fd) {
  for (input& each : inputs) {
    auto opened = open_source(each.path, stop_fd, options.follow || !options.checkpoint.empty());
    if (!opened) continue;  // the scan says so
    each.from = std::move(*opened);
    if (!each.from->peek().empty()) return &each;
  }
  return nullptr;
}

// What a csv file's first line says.
[[nodiscard]] std::optional<std::string> read_columns(line_format& format, std::string_view begin) {
  const auto header = first_line(begin);
  auto columns = csv_columns(header.line, format.delimiter);
  if (!columns) return "its first line, the columns' names, is no csv";
  format.columns = std::move(*columns);
  return std::nullopt;
}

// Without questions: what one would ask first.
void add_usual_questions(query_options& query, format_kind format) {
  constexpr unix_ms hour = 3'600'000;
  if (!query.questions.empty() || query.match) return;
  if (format == format_kind::combined || format == format_kind::common) {
    query.questions = {
        {.kind = question_kind::count_by, .field = "status"},
        {.kind = question_kind::top, .field = "path", .count = 10},
        {.kind = question_kind::top, .field = "remote_host", .count = 10},
        {.kind = question_kind::histogram, .unit = 24 * hour},
        {.kind = question_kind::percentile, .field = "bytes", .percents = {50, 90, 99}}};
  } else if (format == format_kind::syslog) {
    query.questions = {{.kind = question_kind::top, .field = "program", .count = 10},
                       {.kind = question_kind::histogram, .unit = 24 * hour}};
  }
}

[[nodiscard]] bool needs_format(const query_options& query) {
  return !query.match || !query.where.empty() || !query.questions.empty();
}

int run(logs_options& options) {
  const app::unique_fd stop{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!stop) return refuse("cannot make an eventfd: " + app::last_error().message());
  std::vector<input> inputs;
  inputs.reserve(options.paths.size());
  for (const std::string& path : options.paths) inputs.push_back({.path = path});

  line_format format = options.format.value_or(line_format{});
  std::vector<std::string> sample;
  const bool needed = needs_format(options.query);
  const bool is_csv = format.kind == format_kind::csv;
  if (needed) {
    const input* const first = open_first(inputs, options, stop.get());
    const std::string_view begin = first != nullptr ? first->from->peek() : std::string_view{};
    if (first == nullptr && options.follow && (!options.format || is_csv)) {
      return refuse(is_csv ? "there is no line yet to tell the columns' names"
                           : "there is nothing yet to guess the format from: --format says it");
    }
    // Nothing to guess from, and nothing to count: a format that may have any field.
    if (first == nullptr && !options.format) format.kind = format_kind::logfmt;
    sample = sample_of(begin, is_csv);
    if (!options.format && first != nullptr) {
      const auto guessed = guess_format(sample);
      if (!guessed) {
        return refuse(first->path + ": of no known format (--format and --pattern say which)");
      }
      format = guessed->format;
      app::complain("millpool logs", "format " + std::string(to_string(format.kind)) +
                                         ", guessed: " + std::to_string(guessed->fitting) +
                                         " of the first " + std::to_string(sample.size()) +
                                         " lines fit");
    }
    if (is_csv && first != nullptr) {
      if (const auto bad = read_columns(format, begin)) {
        return refuse(first->path + ": " + *bad);
      }
    }
  }
  add_usual_questions(options.query, format.kind);
  const auto asked = query::make(options.query, format, sample);
  if (!asked) return refuse(asked.error());
  return session{options, **asked, inputs, stop}.run();
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = parse_options(argc, argv, available_cpus().cpus(), this_year());
  if (parsed.exit) return app::end_at_once("millpool logs", *parsed.exit, parsed.text);
  try {
    const app::admin_session admin{parsed.options.operating, "millpool logs",
                                   parsed.options.workers};
    return run(parsed.options);
  } catch (const std::exception& error) {
    return refuse(std::string("the run ends: ") + error.what());
  }
}

}  // namespace millpool::logs
