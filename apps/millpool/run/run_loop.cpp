#include "apps/millpool/run/run_loop.hpp"

#include "apps/millpool/run/termination.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <chrono>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace millpool::run {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t smallest_window = 64;
constexpr std::size_t priority_window = 4096;  // only what has been read can overtake
constexpr std::size_t most_held = 65'536;      // outputs that wait for an earlier job's, with -k
constexpr std::uint64_t most_held_bytes = std::uint64_t{4} << 30;  // their size on disk
constexpr milliseconds look_at_held_again{20};

[[nodiscard]] std::size_t window_for(const run_options& options) {
  if (options.priority_field)
    return std::max<std::size_t>(priority_window, std::size_t{4} * options.jobs);
  return std::max<std::size_t>(smallest_window, std::size_t{4} * options.jobs);
}

// The column of a line, from 1: columns are what white space separates.
[[nodiscard]] std::string_view white_space_column(std::string_view line, unsigned column) {
  constexpr std::string_view white = " \t";
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(white), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(white));
    if (--column == 0) return word;
    line.remove_prefix(word.size());
  }
}

}  // namespace

run_loop::run_loop(run_context context, job_source source, resume_state done,
                   app::signal_events& signals)
    : context_(context),
      executor_(context),
      source_(std::move(source)),
      done_(std::move(done)),
      signals_(signals),
      window_(window_for(context.options)),
      log_is_ours_(done_.is_empty() || context.command.depends_on_slot()) {
  // Counting reads regular files twice: only for who asks for percentages.
  if (context.options.bar || context.options.halt.percent > 0) expected_ = source_.count_jobs();
  if (expected_) total_ = *expected_ - std::min<std::uint64_t>(*expected_, done_.skipped_jobs());
}

void run_loop::run() {
  // A window of tasks may wait; no submission ever does.
  worker_pool pool{{.name = "run",
                    .min_workers = 0,
                    .max_workers = context_.options.jobs,
                    .queue_capacity = window_,
                    // --priority is an order, not a preference: no job ages past it.
                    .aging = {.bound = duration::max()}}};
  // Priorities can order only what was read, and a joblog may be of another run: see may_start().
  bool holds_back = context_.options.priority_field || !log_is_ours_;
  if (holds_back) pool.pause();
  for (;;) {
    const step next = submit_next(pool);
    if (next == step::submitted) continue;
    if (holds_back && may_start(next)) {  // another pause is an operator's
      holds_back = false;
      pool.resume();
    }
    // acquire: what the jobs did is seen by whoever runs after this.
    if (next == step::input_ended && inside_.load(std::memory_order_acquire) == 0) break;
    wait(next);
  }
}

// Whether the pool may begin, when there is nothing more to submit for now.
bool run_loop::may_start(step next) const noexcept {
  if (next == step::input_ended || next == step::wait_for_room) return true;
  return log_is_ours_ && submitted_ > 0;
}

run_loop::step run_loop::submit_next(worker_pool& pool) {
  if (input_ended_ || context_.stop.stopping()) return step::input_ended;
  // relaxed: a stale count only waits once more
  if (inside_.load(std::memory_order_relaxed) >= window_ || context_.out.backlog() >= most_held ||
      context_.out.held_bytes() >= most_held_bytes) {
    return step::wait_for_room;
  }
  job_input job;
  const auto got = source_.next(job);
  if (!got) {
    end_input(got.error());
    return step::input_ended;
  }
  switch (*got) {
    case job_source::state::job:
      if (is_done(job)) {
        ++skipped_;
      } else if (!context_.stop.stopping()) {
        submit(pool, std::move(job));
      }
      return step::submitted;
    case job_source::state::need_input:
      return step::wait_for_input;
    case job_source::state::end:
      break;
  }
  input_ended_ = true;
  if (submitted_ > 0) total_ = submitted_;
  return step::input_ended;
}

void run_loop::submit(worker_pool& pool, job_input job) {
  task_options options;
  if (context_.options.priority_field) {
    const auto priority = priority_of(job);
    if (!priority) return;
    options.priority = priority;
  }
  ++submitted_;
  context_.out.expect(job.seq);
  inside_.fetch_add(1, std::memory_order_relaxed);  // relaxed: the channel hands the job over
  const auto accepted = pool.post(options, [this, job = std::move(job)] {
    executor_.run(job, total());  // noexcept: job_ended() follows, or the run would wait for ever
    job_ended();
  });
  if (!accepted) {
    job_ended();
    end_run("cannot submit a job: " + std::string(to_string(accepted.error())));
  }
}

// On the worker. The last thing a task does: the main thread may then leave.
void run_loop::job_ended() {
  // acq_rel: what this job did is seen by the main thread when it reads 0.
  const std::size_t left = inside_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if (left == window_ / 2 || left == 0) context_.stop.wake();
}

bool run_loop::is_done(const job_input& job) {
  if (context_.options.resume == resume_mode::off) return false;
  context_.command.fill(words_, job, 1);
  command_.clear();
  context_.command.describe(command_, words_);
  const bool comparable = !context_.command.depends_on_slot();
  switch (
      done_.ask(job.seq, comparable ? std::optional<std::string_view>(command_) : std::nullopt)) {
    case resume_state::answer::run:
      return false;
    case resume_state::answer::run_again:
      log_is_ours_ = true;
      return false;
    case resume_state::answer::skip:
      log_is_ours_ = true;
      return true;
    case resume_state::answer::other_command:
      break;
  }
  end_run("joblog " + context_.options.joblog + " is of another run: its job " +
          std::to_string(job.seq) + " is not '" + command_ + "'");
  return true;
}

std::optional<unsigned> run_loop::priority_of(const job_input& job) {
  const unsigned field = *context_.options.priority_field;
  std::string_view text;
  if (!context_.options.input.colsep) {
    text = white_space_column(job.args.front(), field);
  } else if (field <= job.args.size()) {
    text = job.args[field - 1];
  }
  const auto priority = app::parse_count(text);
  if (priority && *priority <= 7) return static_cast<unsigned>(*priority);
  end_input("record " + std::to_string(job.seq) + ", column " + std::to_string(field) + ": '" +
            std::string(text) + "' is no priority: expected 0 (first) to 7 (last)");
  return std::nullopt;
}

// The input is bad from here on: what came before it still runs.
void run_loop::end_input(const std::string& why) {
  input_ended_ = true;
  if (context_.end.because(exit_bad_input) && !context_.out.say_now(why)) unsaid_ = why;
}

// The whole run is a mistake: nothing more starts.
void run_loop::end_run(const std::string& why) {
  end_input(why);
  context_.stop.request(stop_level::drain);
}

void run_loop::wait(step why) {
  pollfd entries[] = {{signals_.fd(), POLLIN, 0},
                      {context_.stop.wake_fd(), POLLIN, 0},
                      {why == step::wait_for_input ? source_.fd() : -1, POLLIN, 0}};
  show_progress();
  ::poll(entries, std::size(entries), timeout_ms(why));
  if (entries[0].revents != 0) {
    while (const auto signal = signals_.next()) hear(*signal);
  }
  if (entries[1].revents != 0) context_.stop.clear_wake();
  if (entries[2].revents != 0) read_input();
  if (context_.stop.level() == stop_level::kill) kill_step();
}

int run_loop::timeout_ms(step why) const {
  duration sleep = duration::max();
  const auto at_most = [&](duration limit) {
    sleep = std::min(sleep, std::max(limit, duration::zero()));
  };
  if (context_.options.bar) at_most(context_.out.pace());
  if (context_.stop.level() == stop_level::kill) at_most(next_kill_step_ - steady().now());
  if (why == step::wait_for_room && inside_.load(std::memory_order_relaxed) < window_)
    at_most(look_at_held_again);
  if (sleep == duration::max()) return -1;
  return static_cast<int>(std::chrono::ceil<milliseconds>(sleep).count());
}

void run_loop::read_input() {
  if (const auto read = source_.fill(); !read) end_input(read.error());
}

void run_loop::hear(int signal) {
  context_.end.because(exit_by_signal + signal);
  switch (context_.stop.level()) {
    case stop_level::none:
      if (signal != SIGHUP && signal != SIGQUIT) {
        context_.stop.request(stop_level::drain);
        context_.out.say_now("no new jobs; running ones may finish (once more to kill them)");
        return;
      }
      [[fallthrough]];
    case stop_level::drain:
      context_.stop.request(stop_level::kill);
      context_.out.say_now("killing the running jobs");
      return;
    case stop_level::kill:
      // The third time: a printer may be stuck with a reader that does not read. All lines of the
      // joblog are out, each in one write.
      context_.running.signal_all(SIGKILL);
      ::_exit(exit_by_signal + signal);
  }
}

// One step of the termination sequence, if its time has come; the last one again and again.
void run_loop::kill_step() {
  const time_point now = steady().now();
  if (now < next_kill_step_) return;
  const auto& [signal, then_wait] =
      termination_sequence[std::min(kill_steps_, termination_sequence.size() - 1)];
  context_.running.signal_all(signal);
  ++kill_steps_;
  next_kill_step_ = now + then_wait;
}

void run_loop::show_progress() {
  if (!context_.options.bar) return;
  context_.out.draw([this](app::progress_bar& bar, const halt_monitor& tally) {
    bar.show({.done = tally.succeeded() + tally.failed(),
              .failed = tally.failed(),
              .skipped = skipped_,
              .total = expected_      ? expected_
                       : input_ended_ ? std::optional(submitted_ + skipped_)
                                      : std::nullopt});
  });
}

std::optional<std::uint64_t> run_loop::total() const {
  const std::uint64_t known = total_.load(std::memory_order_relaxed);  // relaxed: only a number
  return known > 0 ? std::optional(known) : std::nullopt;
}

}  // namespace millpool::run
