#include "apps/millpool/run/options.hpp"

#include "apps/support/flags.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace millpool::run {
namespace {

constexpr unsigned most_jobs = 10'000;
constexpr unsigned as_many_as_possible = 250;  // -j0: more only fight for two descriptors a job

constexpr const char* usage =
    "millpool run [flags] command [arguments with {}] [::: arg...] [:::: file...]\n"
    "       ... | millpool run [flags] command [arguments with {}]";

constexpr const char* epilogue =
    "In each word of the command:\n"
    "  {}    the argument            {#}   the job's number, from 1\n"
    "  {.}   without extension       {%}   its slot, 1 to the number of jobs at a time\n"
    "  {/}   without directory       {1}   the first argument; {2}, {1.}, {2/}, ... alike\n"
    "  {//}  its directory           {/.}  without directory and extension\n"
    "Without any, {} is appended. No shell reads the command unless --shell is given.\n"
    "Flags end at the first word that is none: the rest belongs to the command.\n"
    "\nExamples:\n"
    "  find . -name '*.gz' -print0 | millpool run -0 --bar gzip -t\n"
    "  millpool run -j4 -k --joblog log --resume convert {} {.}.png ::: *.jpg\n"
    "  millpool run --shell 'grep -c {1} {2} > {2/}.{1}' ::: error warn :::: files.txt\n"
    "\nExit status: 0 all jobs succeeded; 2 bad input, or no disk space; 123 a job failed;\n"
    "  127 no such command; 130 interrupted; 141 nobody reads the output.\n"
    "Guide: docs/guide/run.md\n";

constexpr std::uint64_t most = 1'000'000'000;  // of whatever is counted

using app::put;
using app::put_count;
using app::wrong;

// The shell whose quoting we know; the user's own if it is one of those.
[[nodiscard]] std::string shell_path() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet.
  const char* const own = std::getenv("SHELL");
  const std::string path = own == nullptr ? "" : own;
  const std::string name = path.substr(path.rfind('/') + 1);
  constexpr const char* known[] = {"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"};
  return std::find(std::begin(known), std::end(known), name) != std::end(known) ? path : "/bin/sh";
}

[[nodiscard]] std::string unescaped_separator(const std::string& text) {
  if (text == "\\t") return "\t";
  if (text == "\\0") return std::string(1, '\0');
  return text;
}

void add_input_flags(app::flags& flags, run_options& out) {
  flags.group("Input");
  flags.value(
      "-a,--arg-file", "FILE",
      [&](const std::string& v) -> wrong {
        out.input.sources.push_back({input_spec::kind::file, v, {}});
        return std::nullopt;
      },
      "Arguments are the lines of FILE (-: standard input)");
  flags.value(
      "-C,--colsep", "SEP",
      [&](const std::string& v) -> wrong {
        if (v.empty()) return "the separator is empty";
        out.input.colsep = unescaped_separator(v);
        return std::nullopt;
      },
      "Cut each line at SEP into {1}, {2}, ... (\\t is a tab)");
  flags.value(
      "-n,--max-args,-N", "N",
      [&](const std::string& v) { return put_count(v, most, out.input.args_per_job); },
      "Give each job N arguments");
  flags.value(
      "-I,--replace", "STR",
      [&](const std::string& v) -> wrong {
        if (v.empty()) return "the replacement string is empty";
        out.replacement = v;
        return std::nullopt;
      },
      "STR stands for the argument instead of {}");
  flags.toggle("-r,--no-run-if-empty", out.input.skip_blank, "Make no job of a blank line");
}

void add_running_flags(app::flags& flags, run_options& out, unsigned cpus) {
  flags.group("Running");
  flags.value(
      "-j,--jobs,-P", "N",
      [&out, cpus](const std::string& v) { return put(parse_jobs(v, cpus), out.jobs); },
      "Jobs at a time: 4, 50%, +2 or auto (the CPUs, the default)");
  flags.value(
      "--timeout", "T", [&](const std::string& v) { return put(parse_time_limit(v), out.timeout); },
      "End a job after T: seconds, 5m, or 200% of the median run time");
  flags.value(
      "--retries", "N",
      [&](const std::string& v) -> wrong {
        if (v == "0") {
          out.attempts = 0;
          return std::nullopt;
        }
        return put_count(v, most, out.attempts);
      },
      "Run a job that fails up to N times in all (0: until it succeeds)");
  flags.value(
      "--halt", "WHEN", [&](const std::string& v) { return put(parse_halt(v), out.halt); },
      "End early: now|soon,fail|success|done=N or =P%");
  flags.value(
      "--delay", "T", [&](const std::string& v) { return put(app::parse_duration(v), out.delay); },
      "Let T pass between the starts of two jobs");
  flags.value(
      "--memfree", "SIZE",
      [&](const std::string& v) { return put(app::parse_size(v), out.memfree); },
      "Start no job while less than SIZE of memory is free (K, M, G)");
  flags.value(
      "--priority", "FIELD",
      [&](const std::string& v) -> wrong {
        unsigned field = 0;
        if (auto bad = put_count(v, most, field)) return bad;
        out.priority_field = field;
        return std::nullopt;
      },
      "Column FIELD of a line is its priority, 0 (first) to 7 (last)");
}

void add_output_flags(app::flags& flags, run_options& out) {
  flags.group("Output");
  flags.toggle("-k,--keep-order", out.keep_order, "Print outputs in the order of the input");
  flags.toggle("-u,--ungroup", out.ungroup, "Let jobs write directly: faster, and mixed");
  flags.value(
      "--tagstring", "STR",
      [&](const std::string& v) -> wrong {
        out.tag = v;
        return std::nullopt;
      },
      "Begin each line of output with STR, {} filled in, and a tab");
  flags.value(
      "--results", "DIR",
      [&](const std::string& v) -> wrong {
        if (v.empty()) return "the directory has no name";
        out.results = v;
        return std::nullopt;
      },
      "Put outputs in DIR/1/ARGUMENT/{stdout,stderr,seq}, print none");
  flags.toggle("--json", out.json, "Print a JSON object a line for each job instead");
  flags.toggle("--bar", out.bar, "Show progress on standard error, and a summary");
  flags.toggle("--dry-run", out.dry_run, "Print the commands, run none");
}

void add_log_flags(app::flags& flags, run_options& out, bool& resume, bool& resume_failed) {
  flags.group("Joblog");
  flags.value(
      "--joblog", "FILE",
      [&](const std::string& v) -> wrong {
        out.joblog_appends = v.starts_with('+');
        out.joblog = v.substr(out.joblog_appends ? 1 : 0);
        if (out.joblog.empty()) return "the file has no name";
        return std::nullopt;
      },
      "Log every job in GNU parallel's format (+FILE appends)");
  flags.toggle("--resume", resume, "Skip the jobs that the joblog has");
  flags.toggle("--resume-failed", resume_failed, "Skip the jobs that the joblog has as successful");
  flags.toggle("--count-failures", out.count_failures,
               "Exit with the number of failed jobs, as GNU parallel does");
}

// Cuts "command ::: a b :::: file" after the command.
[[nodiscard]] wrong take_sources(std::vector<std::string> rest, run_options& out) {
  const auto is_separator = [](const std::string& word) { return word == ":::" || word == "::::"; };
  // GNU parallel links sources so. Taken for arguments they would run other jobs than were meant.
  const auto linked = std::find_if(rest.begin(), rest.end(), [](const std::string& word) {
    return word == ":::+" || word == "::::+";
  });
  if (linked != rest.end())
    return *linked +
           " is not there: sources cannot be linked (-C cuts a line into several arguments)";
  auto at = std::find_if(rest.begin(), rest.end(), is_separator);
  out.command.assign(rest.begin(), at);
  while (at != rest.end()) {
    const bool files = *at == "::::";
    const auto end = std::find_if(std::next(at), rest.end(), is_separator);
    std::vector<std::string> words(std::next(at), end);
    if (files) {
      if (words.empty()) return "there is no file after ::::";
      for (std::string& path : words)
        out.input.sources.push_back({input_spec::kind::file, std::move(path), {}});
    } else {
      out.input.sources.push_back({input_spec::kind::words, {}, std::move(words)});
    }
    at = end;
  }
  if (out.input.sources.empty()) out.input.sources.push_back({input_spec::kind::file, "-", {}});
  return std::nullopt;
}

[[nodiscard]] wrong check(const run_options& o, bool resume, bool resume_failed) {
  if (o.command.empty())
    return "no command given (with --shell, each line of the input is one; --help says more)";
  if (o.command.front().empty()) return "the command is empty";
  if ((resume || resume_failed) && o.joblog.empty())
    return "--resume and --resume-failed need --joblog FILE";
  if ((resume || resume_failed) && o.joblog == "-") return "--resume cannot read standard output";
  if (o.ungroup && (o.keep_order || o.json || o.tag || !o.results.empty())) {
    return "--ungroup cannot be combined with -k, --json, --tag or --results: it collects no "
           "output";
  }
  if (o.json && o.joblog == "-") return "--json and --joblog - would both write to standard output";
  if (o.input.sources.size() > 1 && o.input.args_per_job > 1) {
    return "-n cannot be combined with several input sources";
  }
  const auto standard_inputs = std::count_if(o.input.sources.begin(), o.input.sources.end(),
                                             [](const input_spec& s) { return s.path == "-"; });
  if (standard_inputs > 1) return "standard input can be read only once";
  return std::nullopt;
}

}  // namespace

std::expected<unsigned, std::string> parse_jobs(std::string_view text, unsigned cpus) {
  const auto bad = std::unexpected("'" + std::string(text) +
                                   "' is no number of jobs: expected such as 4, 50%, +2, auto");
  if (text == "auto") return cpus;
  double jobs = 0;
  if (text.ends_with('%')) {
    const auto percent = app::parse_decimal(text.substr(0, text.size() - 1));
    if (!percent) return bad;
    jobs = std::max(std::floor(cpus * *percent / 100.0), 1.0);
  } else {
    const bool relative = text.starts_with('+');
    const auto count = app::parse_count(text.substr(relative ? 1 : 0));
    if (!count) return bad;
    jobs = static_cast<double>(*count) + (relative ? cpus : 0);
    if (jobs == 0) return as_many_as_possible;
  }
  if (jobs > most_jobs)
    return std::unexpected("more than " + std::to_string(most_jobs) + " jobs at a time");
  return static_cast<unsigned>(jobs);
}

parsed_options parse_options(int argc, const char* const* argv, unsigned cpus) {
  parsed_options parsed;
  run_options& out = parsed.options;
  out.jobs = cpus;
  bool null = false;
  bool shell = false;
  bool quote = false;
  bool tag = false;
  bool resume = false;
  bool resume_failed = false;

  app::flags flags("millpool run", "Runs a command for each line of input, many at a time.", usage);
  add_input_flags(flags, out);
  flags.toggle("-0,--null", null, "Records end in a NUL byte, not in a newline");
  flags.toggle("--shell", shell, "A shell runs the command; without one, each line is a command");
  flags.toggle("-q,--quote", quote, "Accepted and not needed: no shell sees the command");
  add_running_flags(flags, out, cpus);
  add_output_flags(flags, out);
  flags.toggle("--tag", tag, "Begin each line of output with the arguments and a tab");
  add_log_flags(flags, out, resume, resume_failed);
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
  if (auto bad = take_sources(std::move(outcome.rest), out)) return fail(*bad);
  if (shell) {
    out.shell = shell_path();
    if (out.command.empty()) out.command.push_back(out.replacement);
  }
  if (null) out.input.separator = '\0';
  if (tag && !out.tag) out.tag = out.replacement;
  if (resume_failed) {
    out.resume = resume_mode::resume_failed;
  } else if (resume) {
    out.resume = resume_mode::resume;
  }
  if (auto bad = check(out, resume, resume_failed)) return fail(*bad);
  return parsed;
}

}  // namespace millpool::run
