#include "apps/millpool/logs/options.hpp"

#include "apps/support/flags.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <array>
#include <glob.h>
#include <sys/stat.h>
#include <utility>

namespace millpool::logs {
namespace {

constexpr unsigned most_workers = 1024;

constexpr const char* usage =
    "millpool logs [flags] FILE...\n"
    "       ... | millpool logs [flags]";

constexpr const char* epilogue =
    "FILE may be gzip or zstd, a pattern such as 'access.log*', or - for standard input.\n"
    "Fields of access logs: remote_host, ident, user, time, request, method, path, protocol,\n"
    "  status, bytes, referer, user_agent. Of syslog: facility, severity, time, host, program,\n"
    "  pid, message_id, structured_data, message. Of json, logfmt and csv: their own keys.\n"
    "  @line is the whole line, of any format.\n"
    "Without any question, access logs get an overview, others are counted.\n"
    "\nExamples:\n"
    "  millpool logs access.log --count-by status --top 10 path --percentile p50,p99 bytes\n"
    "  millpool logs 'access.log*' --where 'status >= 500 and path =~ \"^/api\"' --histogram hour\n"
    "  zcat app.json.gz | millpool logs --format json --top 5 error.code --json\n"
    "  millpool logs /var/log/syslog --match 'Out of memory'\n"
    "  millpool logs app.log --pattern '{time} [{level}] {message}' --count-by level\n"
    "\nExit status: 0 all was read; 1 some input could not be read; 2 bad flags, or with --strict\n"
    "  a malformed line; 130 interrupted; 141 nobody reads the output.\n"
    "Guide: docs/guide/logs.md\n";

using app::put_count;
using app::wrong;

[[nodiscard]] wrong check_field(const std::string& field) {
  return field.empty() ? wrong{"the field has no name"} : std::nullopt;
}

void add_input_flags(app::flags& flags, logs_options& out, std::string& format,
                     std::string& delimiter) {
  flags.group("Input");
  flags.value(
      "--format", "NAME",
      [&](const std::string& v) -> wrong {
        constexpr std::array known{"auto", "combined", "common", "json", "logfmt", "syslog", "csv"};
        if (std::find(known.begin(), known.end(), v) == known.end()) {
          return "'" + v + "' is none of auto, combined, common, json, logfmt, syslog, csv";
        }
        format = v;
        return std::nullopt;
      },
      "auto (from the first lines, the default), combined, common, json, logfmt, syslog, csv");
  flags.value(
      "--pattern", "TEXT",
      [&](const std::string& v) -> wrong {
        if (const auto names = pattern_fields(v); !names) return names.error();
        out.format = line_format{.kind = format_kind::pattern, .pattern = v, .columns = {}};
        return std::nullopt;
      },
      "Lines are TEXT with {fields}, or an expression with (?P<fields>...)");
  flags.value(
      "--delimiter", "C",
      [&](const std::string& v) -> wrong {
        delimiter = v == "\\t" ? "\t" : v;
        if (delimiter.size() != 1 || delimiter == "\"") return "'" + v + "' is not one character";
        return std::nullopt;
      },
      "Between the fields of csv (default: a comma; \\t is a tab)");
  flags.value(
      "--time-field", "F",
      [&](const std::string& v) -> wrong {
        out.query.time_field = v;
        return check_field(v);
      },
      "The field that is the time (default: time, timestamp, ts, ...)");
  flags.value(
      "--year", "Y", [&](const std::string& v) { return put_count(v, 9999, out.query.year); },
      "Of times without one, as syslog has (default: this year)");
  flags.toggle("--strict", out.strict, "End at a malformed line, with status 2");
}

void add_question_flags(app::flags& flags, query_options& out) {
  flags.group("Questions (each may be asked several times; all are answered in one pass)");
  const auto of_field = [&](const char* name, question_kind kind, const char* help) {
    flags.value(
        name, "F",
        [&out, kind](const std::string& v) -> wrong {
          out.questions.push_back({.kind = kind, .field = v});
          return check_field(v);
        },
        help);
  };
  of_field("--count-by", question_kind::count_by, "Lines for each value of field F");
  flags.pair(
      "--top", "N F",
      [&](const std::string& n, const std::string& field) -> wrong {
        question asked{.kind = question_kind::top, .field = field};
        if (auto bad = put_count(n, 1'000'000, asked.count)) return bad;
        out.questions.push_back(std::move(asked));
        return check_field(field);
      },
      "The N values of F that most lines have");
  flags.value(
      "--histogram", "UNIT",
      [&](const std::string& v) -> wrong {
        const auto unit = parse_unit(v);
        if (!unit) return unit.error();
        out.questions.push_back({.kind = question_kind::histogram, .unit = *unit});
        return std::nullopt;
      },
      "Lines by time: second, minute, hour, day, or such as 15m (UTC)");
  flags.pair(
      "--percentile", "P,... F",
      [&](const std::string& percents, const std::string& field) -> wrong {
        auto parsed = parse_percents(percents);
        if (!parsed) return parsed.error();
        out.questions.push_back(
            {.kind = question_kind::percentile, .field = field, .percents = std::move(*parsed)});
        return check_field(field);
      },
      "Such as p50,p99 of numbers: exact up to 65536 different ones, then within 0.4 %");
  of_field("--distinct", question_kind::distinct,
           "How many different values F has, within about 1.6 % (HyperLogLog)");
  of_field("--sum", question_kind::sum, "Of the numbers in F");
  of_field("--min", question_kind::min, "");
  of_field("--max", question_kind::max, "");
  of_field("--mean", question_kind::mean, "");
  flags.value(
      "--sample", "N",
      [&](const std::string& v) -> wrong {
        question asked{.kind = question_kind::sample};
        if (auto bad = put_count(v, 100'000, asked.count)) return bad;
        out.questions.push_back(std::move(asked));
        return std::nullopt;
      },
      "N lines, each as likely as any other");
  flags.value(
      "--match", "REGEX",
      [&](const std::string& v) -> wrong {
        out.match = v;
        return std::nullopt;
      },
      "Print the lines that match, in order ('': all that --where selects)");
}

void add_selection_flags(app::flags& flags, query_options& out) {
  flags.group("Selection");
  flags.value(
      "--where", "EXPR",
      [&](const std::string& v) -> wrong {
        out.where = v;
        if (v.empty()) return "the expression is empty";
        // The time field is not known yet; what is wrong for any is said at once.
        if (const auto parsed = filter::parse(v, "", out.year); !parsed) return parsed.error();
        return std::nullopt;
      },
      "Only lines of which it holds: status >= 500 and not path =~ \"^/health\"");
  flags.value(
      "--max-groups", "N",
      [&](const std::string& v) { return put_count(v, 100'000'000, out.max_groups); },
      "Count at most N groups, and the rest as (other) (default: 100000)");
  flags.value(
      "--seed", "N",
      [&](const std::string& v) -> wrong {
        const auto parsed = app::parse_count(v);
        if (!parsed) return parsed.error();
        out.seed = *parsed;
        return std::nullopt;
      },
      "Another --sample (default: 1)");
}

void add_run_flags(app::flags& flags, logs_options& out) {
  flags.group("Running");
  flags.value(
      "-j,--jobs", "N",
      [&](const std::string& v) { return put_count(v, most_workers, out.workers); },
      "Workers (default: the CPUs)");
  flags.toggle("-f,--follow", out.follow, "Go on as files grow and are rotated, until Ctrl-C");
  const auto span = [&](const char* name, duration& target, const char* help) {
    flags.value(
        name, "T",
        [&target](const std::string& v) -> wrong {
          const auto parsed = app::parse_duration(v);
          if (!parsed) return parsed.error();
          if (*parsed <= duration::zero()) return "it must be more than 0";
          target = *parsed;
          return std::nullopt;
        },
        help);
  };
  span("--interval", out.interval, "Between two tables of --follow (default: 1s)");
  flags.value(
      "--checkpoint", "FILE",
      [&](const std::string& v) -> wrong {
        out.checkpoint = v;
        return v.empty() ? wrong{"the file has no name"} : std::nullopt;
      },
      "Go on where the last run with this FILE was, and count nothing twice");
  span("--checkpoint-every", out.checkpoint_every, "Between two of them (default: 5s)");
}

void add_output_flags(app::flags& flags, logs_options& out, bool& json, bool& csv, bool& bar,
                      bool& no_bar) {
  flags.group("Output");
  flags.toggle("--json", json, "One JSON object instead of tables");
  flags.toggle("--csv", csv, "Records of answer, field, key, value");
  flags.value(
      "--plot", "FILE",
      [&](const std::string& v) -> wrong {
        out.plot = v;
        return v.empty() ? wrong{"the file has no name"} : std::nullopt;
      },
      "Also draw the answers, as SVG");
  flags.toggle("--bar", bar, "Show progress on standard error (default: on a terminal)");
  flags.toggle("--no-bar", no_bar, "Show none");
}

[[nodiscard]] bool is_pattern(const std::string& path) {
  return path.find_first_of("*?[") != std::string::npos;
}

// A path with * in it that no shell has expanded. One that exists by that name is itself.
[[nodiscard]] wrong add_path(const std::string& path, std::vector<std::string>& out) {
  struct stat about {};
  if (!is_pattern(path) || ::lstat(path.c_str(), &about) == 0) {
    out.push_back(path);
    return path.empty() ? wrong{"a file has no name"} : std::nullopt;
  }
  glob_t found{};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet.
  const int status = ::glob(path.c_str(), GLOB_NOCHECK, nullptr, &found);
  for (std::size_t i = 0; status == 0 && i < found.gl_pathc; ++i) {
    out.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  return status == 0 ? std::nullopt : wrong{"cannot look for files like " + path};
}

[[nodiscard]] wrong check(const logs_options& o) {
  const auto inputs = std::count(o.paths.begin(), o.paths.end(), "-");
  if (inputs > 1) return "standard input can be read only once";
  if (inputs > 0 && !o.checkpoint.empty()) {
    return "--checkpoint cannot be combined with standard input, which cannot be read again";
  }
  if (o.query.match && !o.checkpoint.empty()) {
    return "--checkpoint cannot be combined with --match: what was printed is not taken back";
  }
  if (inputs > 0 && o.follow) return "--follow is for files; standard input is followed to its end";
  if (o.query.match && o.style != report_style::table) {
    return "--match prints lines: it cannot be combined with --json or --csv";
  }
  return std::nullopt;
}

// \return what is wrong.
[[nodiscard]] wrong set_format(logs_options& out, const std::string& format,
                               const std::string& delimiter) {
  if (out.format && !format.empty()) return "--format and --pattern exclude each other";
  if (!delimiter.empty() && format != "csv") return "--delimiter is for --format csv";
  if (format.empty() || format == "auto") return std::nullopt;
  line_format chosen;
  for (const auto kind : {format_kind::combined, format_kind::common, format_kind::json,
                          format_kind::logfmt, format_kind::syslog, format_kind::csv}) {
    if (to_string(kind) == format) chosen.kind = kind;
  }
  if (!delimiter.empty()) chosen.delimiter = delimiter.front();
  out.format = std::move(chosen);
  return std::nullopt;
}

}  // namespace

std::expected<std::vector<double>, std::string> parse_percents(std::string_view text) {
  const auto bad = std::unexpected("'" + std::string(text) +
                                   "' are no percentiles: expected such as p50,p99 or 99.9");
  std::vector<double> percents;
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view one = text.substr(0, comma);
    if (one.starts_with('p')) one.remove_prefix(1);
    const auto percent = app::parse_decimal(one);
    if (!percent || *percent > 100) return bad;
    percents.push_back(*percent);
    if (comma == text.size()) return percents;
    text.remove_prefix(comma + 1);
  }
}

std::expected<unix_ms, std::string> parse_unit(std::string_view text) {
  constexpr std::pair<std::string_view, unix_ms> names[] = {
      {"second", 1000}, {"minute", 60'000}, {"hour", 3'600'000}, {"day", 86'400'000}};
  for (const auto& [name, unit] : names) {
    if (text == name) return unit;
  }
  const auto parsed = app::parse_duration(text);
  const auto ms =
      parsed ? std::chrono::duration_cast<std::chrono::milliseconds>(*parsed).count() : 0;
  if (ms > 0 && ms % 1000 == 0) return ms;  // what show_time() tells apart
  return std::unexpected("'" + std::string(text) +
                         "' is no unit: expected second, minute, hour, day, or such as 15m");
}

parsed_options parse_options(int argc, const char* const* argv, unsigned cpus, int year) {
  parsed_options parsed;
  logs_options& out = parsed.options;
  out.workers = cpus;
  out.query.year = year;
  std::string format;
  std::string delimiter;
  bool json = false;
  bool csv = false;
  bool bar = false;
  bool no_bar = false;

  app::flags flags("millpool logs", "Answers questions about log files of any size, in one pass.",
                   usage, app::flags::words::among_flags);
  add_question_flags(flags, out.query);
  add_selection_flags(flags, out.query);
  add_input_flags(flags, out, format, delimiter);
  add_run_flags(flags, out);
  add_output_flags(flags, out, json, csv, bar, no_bar);
  app::add_operating_flags(flags, out.operating);
  flags.epilogue(epilogue);

  const auto fail = [&](std::string sentence) {
    parsed.exit = 2;
    parsed.text = std::move(sentence);
    return parsed;
  };
  auto outcome = flags.parse(argc, argv);
  if (outcome.exit) {
    parsed.exit = outcome.exit;
    parsed.text = std::move(outcome.text);
    return parsed;
  }
  if (outcome.rest.empty()) outcome.rest.emplace_back("-");
  for (const std::string& path : outcome.rest) {
    if (auto bad = add_path(path, out.paths)) return fail(*bad);
  }
  if (json && csv) return fail("--json and --csv exclude each other");
  if (json) out.style = report_style::json;
  if (csv) out.style = report_style::csv;
  if (bar) out.shows_progress = true;
  if (no_bar) out.shows_progress = false;
  if (auto bad = set_format(out, format, delimiter)) return fail(*bad);
  if (auto bad = check(out)) return fail(*bad);
  return parsed;
}

}  // namespace millpool::logs
