#pragma once

#include "apps/millpool/run/job_executor.hpp"
#include "apps/millpool/run/job_source.hpp"
#include "apps/millpool/run/resume_state.hpp"
#include "apps/support/signals.hpp"
#include "millpool/pool/worker_pool.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace millpool::run {

/// The main thread's part of a run: reads the input, submits jobs, and hears signals, all in one
/// poll().
///
/// At most `window` jobs are submitted and not ended, so memory does not depend on the input.
/// Workers wake this thread when half the window is empty, not for each job: a switch to this
/// thread costs as much as a small part of a job.
class run_loop {
 public:
  run_loop(run_context context, job_source source, resume_state done, app::signal_events& signals);

  /// Runs everything. \return when no job runs any more.
  void run();

  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }
  /// Why the run ended early, if nobody could be told yet; else empty.
  [[nodiscard]] const std::string& unsaid() const noexcept { return unsaid_; }

 private:
  enum class step : std::uint8_t { submitted, wait_for_input, wait_for_room, input_ended };

  [[nodiscard]] step submit_next(worker_pool& pool);
  void submit(worker_pool& pool, job_input job);
  [[nodiscard]] bool may_start(step next) const noexcept;
  [[nodiscard]] bool is_done(const job_input& job);
  [[nodiscard]] std::optional<unsigned> priority_of(const job_input& job);
  void job_ended();
  void wait(step why);
  void read_input();
  void hear(int signal);
  void kill_step();
  void end_input(const std::string& why);
  void end_run(const std::string& why);
  void show_progress();
  [[nodiscard]] int timeout_ms(step why) const;
  [[nodiscard]] std::optional<std::uint64_t> total() const;

  run_context context_;
  job_executor executor_;
  job_source source_;
  resume_state done_;
  app::signal_events& signals_;

  const std::size_t window_;
  std::atomic<std::size_t> inside_{0};   // submitted and not ended
  std::atomic<std::uint64_t> total_{0};  // of jobs that will run; 0: not known yet
  bool input_ended_ = false;
  bool log_is_ours_;  // no job of the joblog has yet to be compared with ours
  std::uint64_t submitted_ = 0;
  std::uint64_t skipped_ = 0;
  std::optional<std::uint64_t> expected_;  // what count_jobs() said
  argv_buffer words_;                      // to describe a job that may be done already
  std::string command_;
  std::string unsaid_;
  std::size_t kill_steps_ = 0;  // of the termination sequence, taken so far
  time_point next_kill_step_{};
};

}  // namespace millpool::run
