#include "apps/millpool/run/job_executor.hpp"

#include "apps/millpool/run/termination.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <poll.h>
#include <unistd.h>

namespace millpool::run {
namespace {

using std::chrono::milliseconds;

[[nodiscard]] milliseconds since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now + std::chrono::microseconds{500});  // rounded
}

}  // namespace

job_executor::job_executor(run_context context)
    : context_(context),
      gate_(context.options.delay, context.options.memfree, context.stop),
      limit_(context.options.timeout),
      slots_(context.options.jobs) {
  if (!context.options.results.empty()) results_.emplace(context.options.results);
  if (context.options.tag) tag_.emplace(*context.options.tag, context.options.replacement);
}

void job_executor::run(const job_input& job, std::optional<std::uint64_t> total) noexcept {
  if (context_.stop.stopping()) return;
  try {
    run_attempts(job, total);
  } catch (const std::exception& error) {
    fail("job " + std::to_string(job.seq) + ": " + error.what());
  }
}

void job_executor::run_attempts(const job_input& job, std::optional<std::uint64_t> total) {
  const auto at = slots_.take();
  job_report report;
  report.seq = job.seq;
  report.args = &job.args;
  for (report.attempt = 1;; ++report.attempt) {
    if (!gate_.pass()) {
      if (report.attempt == 1) return;
      --report.attempt;  // the run ends between two attempts: the last one is how the job ended
      break;
    }
    if (!attempt(job, *at, report)) return;
    if (report.succeeded() || report.attempt == context_.options.attempts) break;
  }
  if (report.succeeded()) limit_.learn(report.runtime);
  at->tag.clear();
  if (tag_) {
    tag_->fill(at->tag, job, at->number,
               [](std::string& out, std::string_view arg) { out.append(arg); });
    at->tag += '\t';
  }
  report.tag = at->tag;
  const printer::verdict verdict = context_.out.finish(report, at->files, total);
  if (verdict.failed) report_failure(*verdict.failed);
  if (verdict.halt == halt_policy::when::never) return;
  const bool now = verdict.halt == halt_policy::when::now;
  context_.stop.request(now ? stop_level::kill : stop_level::drain);
}

// \return false if the job was killed because the run ends, or nothing can be said of how it ended.
bool job_executor::attempt(const job_input& job, slot& at, job_report& report) {
  context_.command.fill(at.argv, job, at.number);
  at.command.clear();
  context_.command.describe(at.command, at.argv);
  report.command = at.command;
  if (!prepare_files(job, at)) return false;

  report.start = since_1970();
  const time_point started = steady().now();
  auto child = start(at);
  if (!child) return false;
  const unsigned index = at.number - 1;
  if (!context_.running.add(index, child->pid())) child->signal_group(SIGTERM);
  const bool timed_out = wait(*child, started);
  const bool killed = context_.stop.level() == stop_level::kill;
  if (timed_out || killed) end_group(*child);
  context_.running.remove(index);
  const auto status = child->reap();

  if (killed) return false;
  if (!status) {
    fail("cannot tell how job " + std::to_string(job.seq) + " ended: " + status.error().message());
    return false;
  }
  if (!context_.options.ungroup) at.files.measure();
  report.runtime = steady().now() - started;
  report.signal = status->signal;
  report.exit_value = timed_out && status->exit_value == 0 ? -1 : status->exit_value;
  if (timed_out) {
    context_.out.say("job " + std::to_string(job.seq) +
                     " was killed because it timed out: " + at.command);
  }
  return true;
}

bool job_executor::prepare_files(const job_input& job, slot& at) {
  // First of all, since it also takes away the dead among them: no zombie stays, whatever the
  // output does.
  const bool fresh = context_.left_behind.any_left();
  if (context_.options.ungroup) return true;
  if (!results_) {
    if (const auto error = at.files.prepare(context_.directory, fresh)) {
      fail("cannot make a file in " + context_.directory +
           " for the output of jobs: " + error.message());
      return false;
    }
    return true;
  }
  const auto paths = results_->create(job);
  std::error_code error = paths ? at.files.use_named(paths->output, paths->error) : paths.error();
  if (!error) return true;
  fail("cannot write results in " + results_->path_of(job) + ": " + error.message());
  return false;
}

std::optional<child_process> job_executor::start(slot& at) {
  constexpr milliseconds pause{100};
  constexpr int tries = 100;
  const bool captured = !context_.options.ungroup;
  const int error_fd = captured ? at.files.error() : STDERR_FILENO;
  const std::string& fixed = context_.command.fixed_program();
  const std::string program(at.argv[0]);
  const std::string path = context_.programs.find(fixed.empty() ? program : fixed);
  // Without a file to execute the child fails with a message, and with the status that a shell
  // gives.
  const child_setup setup{.path = path.empty() ? program.c_str() : path.c_str(),
                          .argv = at.argv.argv(),
                          .standard_input = context_.standard_input,
                          .standard_output = captured ? at.files.output() : STDOUT_FILENO,
                          .standard_error = error_fd,
                          .signal_mask = &context_.signal_mask,
                          .descriptors = context_.descriptors};
  for (int i = 1;; ++i) {
    auto child = child_process::start(setup);
    if (child) return std::move(*child);
    // Too many processes for now: others may end soon.
    const bool may_pass = child.error() == std::errc::resource_unavailable_try_again;
    if (!may_pass || i == tries || !context_.stop.sleep_until(steady().now() + pause)) {
      fail("cannot start a process: " + child.error().message());
      return std::nullopt;
    }
  }
}

// \return whether the job was ended because its time was up. It is dead afterwards in any case.
bool job_executor::wait(child_process& child, time_point started) {
  if (!limit_.exists()) {
    child.wait();
    return false;
  }
  constexpr milliseconds until_a_median_exists{100};
  for (;;) {
    const auto limit = limit_.now();
    const time_point until = limit ? started + *limit : steady().now() + until_a_median_exists;
    if (child.wait_until(until)) return false;
    // The limit may have moved while we waited for the old one.
    const auto newest = limit_.now();
    if (newest && steady().now() >= started + *newest) break;
  }
  terminate(child);
  return true;
}

void job_executor::terminate(child_process& child) const {
  for (const termination_step& step : termination_sequence) {
    child.signal_group(step.signal);
    if (child.wait_until(steady().now() + step.then_wait)) return;
  }
  child.wait();
}

// The job itself is dead; what it started gets as long to end as it had, and is killed then.
void job_executor::end_group(child_process& child) const {
  constexpr milliseconds grace{350};
  constexpr milliseconds patience{2000};  // a process in an uninterruptible wait may take its time
  const time_point begun = steady().now();
  while (child.group_runs()) {
    const duration waited = steady().now() - begun;
    if (waited > patience) return;
    if (waited > grace) child.signal_group(SIGKILL);
    ::poll(nullptr, 0, 10);
  }
}

void job_executor::report_failure(const printer::failure& failed) {
  using enum printer::failure::where;
  if (failed.what == standard_output && failed.error == std::errc::broken_pipe) {
    // As tools do whose reader has gone: quietly.
    context_.end.because(exit_by_signal + SIGPIPE);
    context_.stop.request(stop_level::kill);
    return;
  }
  std::string what = "cannot write to standard output";
  if (failed.what == joblog) what = "cannot write joblog " + context_.options.joblog;
  if (failed.what == job_files) {
    what = "no room for the output of jobs in " +
           (results_ ? context_.options.results : context_.directory) +
           " (job not counted as done)";
  }
  fail(what + ": " + failed.error.message());
}

void job_executor::fail(const std::string& sentence) {
  if (context_.end.because(exit_bad_input)) context_.out.say(sentence);
  context_.stop.request(stop_level::drain);
}

}  // namespace millpool::run
