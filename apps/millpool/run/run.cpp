#include "apps/millpool/run/run.hpp"

#include "apps/millpool/run/command_template.hpp"
#include "apps/millpool/run/joblog.hpp"
#include "apps/millpool/run/options.hpp"
#include "apps/millpool/run/run_loop.hpp"
#include "apps/support/flags.hpp"
#include "apps/support/io.hpp"
#include "apps/support/operating_flags.hpp"
#include "apps/support/signals.hpp"
#include "millpool/base/cpu.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <iostream>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

// A run, file by file: options (what is asked for) -> job_source (input becomes jobs) -> run_loop
// (submits them) -> job_executor (a worker starts a child and waits) -> printer (output and joblog
// leave).

namespace millpool::run {
namespace {

[[nodiscard]] int refuse(std::string_view sentence, int status = exit_bad_input) {
  app::complain("millpool run", sentence);
  return status;
}

[[nodiscard]] std::string temporary_directory() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
}

// Each slot holds two files, and a few for a moment. Where the limit is too low for that it is
// raised; the limit that jobs were meant to have is returned.
[[nodiscard]] std::optional<rlimit> raise_descriptor_limit(unsigned jobs) {
  rlimit limit{};
  const rlim_t needed = rlim_t{4} * jobs + 64;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return std::nullopt;
  const rlimit raised{std::min(needed, limit.rlim_max), limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) return std::nullopt;
  return limit;
}

[[nodiscard]] std::string search_path() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const char* const path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

[[nodiscard]] std::string no_such_command(const std::string& program) {
  std::string text = program + ": command not found";
  if (program.find(' ') != std::string::npos) text += " (is --shell what you want?)";
  return text;
}

int dry_run(const run_options& options, const command_template& command, job_source source) {
  argv_buffer words;
  std::string lines;
  for (job_input job;;) {
    const auto got = source.next(job);
    if (!got) return refuse(got.error());
    if (*got == job_source::state::need_input) {
      if (const auto read = source.fill(); !read) return refuse(read.error());
      continue;
    }
    if (*got == job_source::state::job) {
      command.fill(words, job, static_cast<unsigned>((job.seq - 1) % options.jobs + 1));
      command.describe(lines, words);
      lines += '\n';
    }
    const bool end = *got == job_source::state::end;
    if (end || lines.size() > 32 * 1024) {
      if (const auto error = app::write_all(STDOUT_FILENO, lines)) {
        if (error == std::errc::broken_pipe) return exit_by_signal + SIGPIPE;
        return refuse("cannot write to standard output: " + error.message());
      }
      lines.clear();
    }
    if (end) return exit_ok;
  }
}

[[nodiscard]] std::expected<joblog, std::string> open_joblog(const run_options& options) {
  using enum joblog::start;
  if (options.resume != resume_mode::off) return joblog::open(options.joblog, resume);
  return joblog::open(options.joblog, options.joblog_appends ? append : overwrite);
}

[[nodiscard]] std::expected<resume_state, std::string> load_resume_state(const run_options& options,
                                                                         const joblog& log) {
  return resume_state::load(log.fd(), options.joblog,
                            options.resume == resume_mode::resume ? resume_state::skip::all_run
                                                                  : resume_state::skip::succeeded);
}

int run_all(const run_options& options, const command_template& command, job_source source,
            app::signal_events& signals, program_path& programs) {
  std::optional<joblog> log;
  if (!options.joblog.empty()) {
    auto opened = open_joblog(options);
    if (!opened) return refuse(opened.error());
    log.emplace(std::move(*opened));
  }
  resume_state done;
  if (options.resume != resume_mode::off) {
    auto loaded = load_resume_state(options, *log);
    if (!loaded) return refuse(loaded.error());
    done = std::move(*loaded);
    if (done.repaired()) app::complain("millpool run", *done.repaired());
  }

  const std::string directory = temporary_directory();
  const app::unique_fd nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  std::optional<app::progress_bar> bar;
  if (options.bar) bar.emplace("millpool run", STDERR_FILENO, steady());
  printer out{{.keep_order = options.keep_order,
               .style = options.json ? output_format::style::json : output_format::style::plain,
               .captured = !options.ungroup,
               .printed = options.results.empty() || options.json,
               .directory = directory,
               .files_at = options.results.empty() ? directory : options.results},
              log ? &*log : nullptr,
              halt_monitor{options.halt},
              bar ? &*bar : nullptr};
  stop_state stop;
  run_end end;
  running_jobs running{options.jobs};
  orphans left_behind;
  const auto descriptors = raise_descriptor_limit(options.jobs);
  const run_context context{.options = options,
                            .command = command,
                            .signal_mask = signals.original_mask(),
                            .descriptors = descriptors ? &*descriptors : nullptr,
                            .directory = directory,
                            .standard_input = nothing.get(),
                            .programs = programs,
                            .out = out,
                            .stop = stop,
                            .end = end,
                            .running = running,
                            .left_behind = left_behind};
  run_loop loop{context, std::move(source), std::move(done), signals};
  loop.run();
  // No job runs any more. From here on this thread may wait for a reader, and a signal ends it at
  // once.
  signals.release();
  if (!loop.unsaid().empty()) out.say(loop.unsaid());
  if (const auto failed = out.flush(); failed && end.because(exit_bad_input)) {
    out.say("cannot print all held output: " + failed->error.message());
  }
  const halt_monitor tally = out.tally();
  if (bar) {
    bar->finish({.done = tally.succeeded() + tally.failed(),
                 .failed = tally.failed(),
                 .skipped = loop.skipped(),
                 .total = std::nullopt});
  }
  return end.early().value_or(exit_status(tally, options.count_failures));
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_options(argc, argv, available_cpus().cpus());
  if (parsed.exit) return app::end_at_once("millpool run", *parsed.exit, parsed.text);
  const run_options& options = parsed.options;
  const command_template command{options.command, options.replacement, options.shell};
  program_path programs{search_path()};
  if (const std::string& fixed = command.fixed_program();
      !fixed.empty() && programs.find(fixed).empty()) {
    return refuse(no_such_command(fixed), exit_no_command);
  }
  auto source = job_source::open(options.input);
  if (!source) return refuse(source.error());
  try {
    // Before signals become events: there is no loop that would hear them.
    if (options.dry_run) return dry_run(options, command, std::move(*source));
    app::signal_events signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    app::admin_session admin{options.operating, "millpool run", options.jobs};
    signals.when_one_comes([&admin] { admin.set_draining(); });
    return run_all(options, command, std::move(*source), signals, programs);
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

}  // namespace millpool::run
