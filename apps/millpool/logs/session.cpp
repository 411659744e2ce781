#include "apps/millpool/logs/session.hpp"

#include "apps/support/io.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace millpool::logs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t most_told = 1000;  // different problems
constexpr milliseconds look_at_signals{50};
constexpr milliseconds look_at_files{200};  // of --follow

[[nodiscard]] std::size_t terminal_columns(int fd) {
  if (::isatty(fd) != 1) return 0;
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// The sum of the files' sizes; nothing if one of the inputs is none.
[[nodiscard]] std::optional<std::uint64_t> total_size(const std::vector<input>& inputs) {
  std::uint64_t total = 0;
  for (const input& each : inputs) {
    struct stat about {};
    const bool is_input = each.path == "-";
    const int status = is_input ? ::fstat(STDIN_FILENO, &about) : ::stat(each.path.c_str(), &about);
    if (status != 0) continue;  // its opening says why
    if (!S_ISREG(about.st_mode)) return std::nullopt;
    total += static_cast<std::uint64_t>(about.st_size);
  }
  return total;
}

[[nodiscard]] bool is_regular(int fd) {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

[[nodiscard]] bool only_prints(const logs_options& options) {
  return options.query.match && options.query.questions.empty();
}

// Lines that are printed go on a terminal, or to a pager on one, unless they go into a file.
[[nodiscard]] bool shows_bar(const logs_options& options) {
  if (options.shows_progress) return *options.shows_progress;
  if (options.follow || ::isatty(STDERR_FILENO) != 1) return false;
  return !options.query.match || is_regular(STDOUT_FILENO);
}

[[nodiscard]] std::optional<app::progress_bar> bar_for(const logs_options& options) {
  if (!shows_bar(options)) return std::nullopt;
  return std::optional<app::progress_bar>{std::in_place, "millpool logs", STDERR_FILENO, steady(),
                                          app::progress_unit::bytes};
}

// Where lines are printed a reader may keep us waiting, as a pager does, and a signal is to end us
// then; it only must not where there is something left to say or to wipe.
[[nodiscard]] std::optional<app::signal_events> events_for(const logs_options& options) {
  const bool reports_at_the_end = !options.query.match || (options.follow && !only_prints(options));
  if (!reports_at_the_end && !shows_bar(options)) return std::nullopt;
  return std::optional<app::signal_events>{std::in_place, std::initializer_list{SIGINT, SIGTERM}};
}

[[nodiscard]] scan::options scan_options(const logs_options& options, int stop_fd) {
  return {.workers = options.workers,
          .prints = options.query.match.has_value(),
          .whole_lines = options.follow || !options.checkpoint.empty(),
          .keeps_open = options.follow,
          .stop_fd = stop_fd};
}

}  // namespace

session::session(const logs_options& options, const query& asked, std::vector<input>& inputs,
                 const app::unique_fd& stop)
    : options_{options},
      asked_{asked},
      inputs_{inputs},
      bar_{bar_for(options)},
      signals_{events_for(options)},
      checkpoint_{options.checkpoint},
      before_{asked},
      scan_{asked, inputs, scan_options(options, stop.get())},
      total_{total_size(inputs)},
      begun_{steady().now()},
      saved_{begun_} {}

int session::run() {
  if (!options_.checkpoint.empty()) {
    for (const input& each : inputs_) {
      struct stat about {};
      if (::stat(each.path.c_str(), &about) != 0 || S_ISREG(about.st_mode)) continue;
      say("--checkpoint is for files: " + each.path + " cannot be read again from where it was");
      return exit_bad_input;
    }
    const auto said = checkpoint_.load(asked_, inputs_, before_);
    if (!said) {
      say(said.error());
      return exit_bad_input;
    }
    for (const std::string& each : *said) say(each);
  }
  scan_.start();
  if (const auto over = read_on()) return *over;
  if (options_.follow) return follow();
  return finish();
}

int session::finish() {
  if (!options_.checkpoint.empty() && (!save() || !read_unfinished_lines())) return exit_bad_input;
  if (bar_) bar_->wipe();
  if (signals_) signals_->release();  // whoever reads the report may be slow
  if (const auto over = print_report()) return *over;
  return incomplete_ ? exit_incomplete : exit_ok;
}

// ---- reading

std::optional<int> session::read_on() {
  while (scan_.is_running()) {
    if (const auto over = hear_signals()) return over;
    if (!save_when_due()) return exit_bad_input;
    show_progress();
    for (auto one = scan_.pop_for(look_at_signals); one; one = scan_.pop_for(duration::zero())) {
      if (const auto over = take(*one)) {
        interrupt();
        return over;
      }
    }
    if (!options_.query.match && scan_.is_running()) rest();
  }
  return hear_signals();
}

void session::note(const scan::outcome& one) {
  consumed_ += one.consumed;
  skipped_ += one.skipped;
  malformed_ += one.malformed;
  for (const std::string& each : one.problems) {
    if (interrupted_) break;  // a pipe that we ended ourselves
    incomplete_ = true;
    if (told_problems_.size() < most_told && told_problems_.insert(each).second) say(each);
  }
}

// Several outcomes come together meanwhile: to be woken for each takes a worker's processor away
// each time. The longer a run has lasted, the less it matters that it ends a little later.
void session::rest() const {
  constexpr duration longest = milliseconds{5};
  const duration lasted = steady().now() - begun_;
  std::this_thread::sleep_for(std::min(longest, lasted / 64));
}

std::optional<int> session::take(const scan::outcome& one) {
  note(one);
  if (!one.printed.empty()) {
    if (bar_) bar_->wipe();
    if (const auto error = app::write_all(STDOUT_FILENO, one.printed)) {
      if (error == std::errc::broken_pipe) return exit_broken_pipe;
      say("cannot write to standard output: " + error.message());
      return exit_bad_input;
    }
  }
  if (options_.strict && malformed_ > 0 && !interrupted_) return end_of_strict();
  return std::nullopt;
}

int session::end_of_strict() {
  interrupt();
  findings all{asked_};
  collect(all);
  const auto first = all.first_malformed().lines().front();
  say(described(first.place, first.text));
  return exit_bad_input;
}

std::optional<int> session::hear_signals() {
  if (!signals_ || !signals_->next()) return std::nullopt;
  signals_->release();  // another one ends us at once
  interrupt();
  if (options_.follow) return finish();
  if (!options_.checkpoint.empty()) {
    if (!save()) return exit_bad_input;
    say("interrupted; what was counted is in " + options_.checkpoint);
  } else {
    say("interrupted");
  }
  return exit_interrupted;
}

// Ends the chains, also those that wait for a pipe. What they have claimed is taken in.
void session::interrupt() {
  interrupted_ = true;
  scan_.stop();
  finish_chains();
  if (bar_) bar_->wipe();
}

void session::finish_chains() {
  while (scan_.is_running()) {
    if (const auto one = scan_.pop_for(seconds{1})) note(*one);
  }
}

// ---- what is said

void session::collect(findings& all) {
  all.merge(before_);
  scan_.add_to(all);
}

void session::say(std::string_view sentence) {
  if (bar_) bar_->wipe();
  app::complain("millpool logs", sentence);
}

void session::show_progress() {
  if (!bar_) return;
  bar_->show({.done = consumed_, .failed = 0, .skipped = skipped_, .total = total_});
}

std::string session::described(line_place place, std::string_view text) const {
  return std::string{checkpoint_.name_of(place.input, inputs_)} + ": malformed line at byte " +
         std::to_string(place.offset) + ": " + printable(text);
}

// What was not told before: a report may be one of many.
void session::tell_malformed(const findings& all) {
  for (const auto& each : all.first_malformed().lines()) {
    if (told_malformed_.insert(each.place).second) say(described(each.place, each.text));
  }
  if (all.malformed() <= query::shown_malformed) return;
  const std::uint64_t more = all.malformed() - query::shown_malformed;
  if (std::exchange(told_more_malformed_, more) != more) {
    say("and " + std::to_string(more) + " more malformed lines");
  }
}

std::optional<int> session::print_report() {
  findings all{asked_};
  collect(all);
  report told = report_of(all);
  told.filters = asked_.where().has_value();
  tell_malformed(all);
  std::string text;
  if (options_.style == report_style::json) {
    text = as_json(told);
  } else if (options_.style == report_style::csv) {
    text = as_csv(told);
  } else if (!only_prints(options_)) {
    text = as_table(told, terminal_columns(STDOUT_FILENO));
  }
  if (const auto error = app::write_all(STDOUT_FILENO, text)) {
    if (error == std::errc::broken_pipe) return exit_broken_pipe;
    say("cannot write to standard output: " + error.message());
    return exit_bad_input;
  }
  if (!options_.plot.empty()) {
    const app::unique_fd fd{
        ::open(options_.plot.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    const auto error = fd ? app::write_all(fd.get(), as_svg(told)) : app::last_error();
    if (error) {
      say("cannot write " + options_.plot + ": " + error.message());
      return exit_bad_input;
    }
  }
  return std::nullopt;
}

// ---- checkpoint

bool session::save_when_due() {
  if (options_.checkpoint.empty() || past_checkpoint_ ||
      steady().now() - saved_ < options_.checkpoint_every) {
    return true;
  }
  scan_.hold();
  finish_chains();
  if (!save()) return false;
  scan_.start();
  return true;
}

// REQUIRES: no chain runs.
bool session::save() {
  findings all{asked_};
  collect(all);
  const auto saved = checkpoint_.save(asked_, inputs_, all);
  if (!saved) say(saved.error());
  saved_ = steady().now();
  return saved.has_value();
}

// A last line without its newline belongs to the answers, but not to the checkpoint: more of it may
// come.
bool session::read_unfinished_lines() {
  if (options_.follow || interrupted_) return true;
  past_checkpoint_ = true;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    auto* const file = dynamic_cast<plain_source*>(inputs_[i].from.get());
    if (file != nullptr && file->refresh(true) == plain_source::change::more) scan_.start(i);
  }
  return !read_on();
}

// ---- follow

int session::follow() {
  bool changed = true;
  time_point shown = steady().now() - options_.interval;
  const bool clears = ::isatty(STDOUT_FILENO) == 1 && options_.style == report_style::table &&
                      !options_.query.match;
  for (;;) {
    if (changed && !only_prints(options_) && steady().now() - shown >= options_.interval) {
      if (clears) app::write_or_drop(STDOUT_FILENO, "\033[H\033[J");
      if (const auto over = print_report()) return *over;
      shown = steady().now();
      changed = false;
    }
    pollfd entry{signals_ ? signals_->fd() : -1, POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(look_at_files.count()));
    const std::uint64_t before = consumed_;
    for (std::size_t i = 0; i < inputs_.size(); ++i) refresh(i);
    if (const auto over = read_on()) return *over;
    changed |= consumed_ != before;
    if (!save_when_due()) return exit_bad_input;
  }
}

// A file may have grown, been cut, or been replaced by another one of its name.
void session::refresh(std::size_t number) {
  input& one = inputs_[number];
  if (!one.grows) return;
  auto* const file = dynamic_cast<plain_source*>(one.from.get());
  struct stat named {};
  const bool there = ::stat(one.path.c_str(), &named) == 0;
  if (file == nullptr) {
    if (there) reopen(number);
    return;
  }
  struct stat opened {};
  if (::fstat(file->fd(), &opened) != 0) return;
  const bool replaced = there && (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
  // What was still appended to the old one, its last line included, comes first.
  const auto changed = file->refresh(replaced);
  if (changed == plain_source::change::more) {
    scan_.start(number);
    return;
  }
  if (changed == plain_source::change::none && !replaced) return;
  say(one.path + (replaced ? ": it was replaced: going on with the new one"
                           : ": it was cut: reading it from its begin"));
  checkpoint_.leave(one);
  reopen(number);
}

void session::reopen(std::size_t number) {
  input& one = inputs_[number];
  one = {.path = one.path};
  scan_.start(number);
}

}  // namespace millpool::logs
