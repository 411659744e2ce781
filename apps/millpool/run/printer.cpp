#include "apps/millpool/run/printer.hpp"

#include "apps/millpool/run/joblog_format.hpp"
#include "apps/support/io.hpp"

#include <chrono>
#include <unistd.h>
#include <utility>

namespace millpool::run {
namespace {

using where = printer::failure::where;

[[nodiscard]] std::optional<printer::failure> failure_at(where what, std::error_code error) {
  if (!error) return std::nullopt;
  return printer::failure{what, error};
}

}  // namespace

printer::printer(options how, joblog* log, halt_monitor halt, app::progress_bar* bar)
    : options_(std::move(how)),
      log_(log),
      bar_(bar),
      halt_(halt),
      format_(options_.style),
      spool_(options_.directory) {}

printer::verdict printer::finish(const job_report& report, const job_files& files,
                                 std::optional<std::uint64_t> total) {
  const std::lock_guard lock{mutex_};
  verdict out;
  if (!options_.keep_order) {
    out.failed = print(report, files);
  } else if (order_.is_next(report.seq)) {
    out.failed = print(report, files);
    order_.advance();
    if (!out.failed) out.failed = print_held(false);
  } else {
    out.failed = hold(report, files);
  }
  out.halt = halt_.count(report.succeeded(), total);
  return out;
}

std::optional<printer::failure> printer::print(const job_report& report, const job_files& files) {
  if (auto cut = disk_full(files)) return cut;
  if (says_something(files)) {
    if (bar_ != nullptr) bar_->wipe();
    if (const auto error = format_.write(report, files, streams_)) {
      return failure{where::standard_output, error};
    }
  }
  return log_ != nullptr ? write_log(log_line(report, files)) : std::nullopt;
}

// A job that met a full disk may have lost output, and must not count as done. One that wrote
// nothing, and succeeded, is no exception: many programs do not look whether their writes succeed.
std::optional<printer::failure> printer::disk_full(const job_files& files) const {
  if (!options_.captured) return std::nullopt;
  if (!files.disk_full(options_.files_at)) return std::nullopt;
  return failure{where::job_files, std::make_error_code(std::errc::no_space_on_device)};
}

bool printer::says_something(const job_files& files) const {
  if (!options_.captured || !options_.printed) return false;
  return options_.style == output_format::style::json || files.output_size() > 0 ||
         files.error_size() > 0;
}

std::optional<printer::failure> printer::hold(const job_report& report, const job_files& files) {
  if (auto cut = disk_full(files)) return cut;
  std::error_code error = spool_.begin();
  if (!error && says_something(files)) error = format_.write(report, files, spool_);
  if (!error && log_ != nullptr) error = spool_.put_log(log_line(report, files));
  if (error) return failure{where::job_files, error};
  order_.hold(report.seq, spool_.take());
  return std::nullopt;
}

std::optional<printer::failure> printer::print_held(bool over_gaps) {
  while (const auto held = order_.take_held(over_gaps)) {
    if (bar_ != nullptr) bar_->wipe();
    if (const auto error = spool_.replay(*held, streams_, line_)) {
      return failure{where::standard_output, error};
    }
    if (log_ == nullptr) continue;
    if (auto failed = write_log(line_)) return failed;
  }
  return std::nullopt;
}

std::optional<printer::failure> printer::flush() {
  const std::lock_guard lock{mutex_};
  return print_held(true);
}

std::string_view printer::log_line(const job_report& report, const job_files& files) {
  line_.clear();
  append_joblog_line(
      line_, {.seq = report.seq,
              .start = report.start,
              .runtime = std::chrono::duration_cast<std::chrono::milliseconds>(report.runtime),
              .receive = options_.captured ? files.output_size() : 0,
              .exit_value = report.exit_value,
              .signal = report.signal,
              .command = report.command});
  return line_;
}

std::optional<printer::failure> printer::write_log(std::string_view line) {
  return failure_at(where::joblog, log_->write(line));
}

void printer::say(std::string_view message) {
  const std::lock_guard lock{mutex_};
  if (bar_ != nullptr) bar_->wipe();
  app::complain("millpool run", message);
}

bool printer::say_now(std::string_view message) {
  if (!app::has_room(STDERR_FILENO)) return false;
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (lock && bar_ != nullptr) bar_->wipe();
  app::complain("millpool run", message);
  return true;
}

void printer::draw(const std::function<void(app::progress_bar&, const halt_monitor&)>& how) {
  // Whoever prints now may wait for a slow reader: the main thread must not.
  if (bar_ == nullptr || !app::has_room(STDERR_FILENO)) return;
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (lock) how(*bar_, halt_);
}

halt_monitor printer::tally() const {
  const std::lock_guard lock{mutex_};
  return halt_;
}

}  // namespace millpool::run
