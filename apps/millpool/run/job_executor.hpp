#pragma once

#include "apps/millpool/run/child_process.hpp"
#include "apps/millpool/run/command_template.hpp"
#include "apps/millpool/run/job_report.hpp"
#include "apps/millpool/run/options.hpp"
#include "apps/millpool/run/orphans.hpp"
#include "apps/millpool/run/printer.hpp"
#include "apps/millpool/run/program_path.hpp"
#include "apps/millpool/run/results_dir.hpp"
#include "apps/millpool/run/run_end.hpp"
#include "apps/millpool/run/running_jobs.hpp"
#include "apps/millpool/run/slots.hpp"
#include "apps/millpool/run/start_gate.hpp"
#include "apps/millpool/run/stop_state.hpp"
#include "apps/millpool/run/time_limit.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <signal.h>
#include <string>

namespace millpool::run {

/// What all jobs of a run share. Everything in it outlives the pool that runs them.
struct run_context {
  const run_options& options;
  const command_template& command;
  const sigset_t& signal_mask;   ///< that children get
  const rlimit* descriptors;     ///< limit that children get, where ours was raised; else nullptr
  const std::string& directory;  ///< for the files that take output
  int standard_input;            ///< of jobs: /dev/null
  program_path& programs;
  printer& out;
  stop_state& stop;
  run_end& end;
  running_jobs& running;
  orphans& left_behind;
};

/// Runs jobs, each on the worker that calls: a child is started, waited for, and its result
/// printed.
///
/// Thread safety  run() may be called concurrently, by as many threads as there are slots.
class job_executor {
 public:
  explicit job_executor(run_context context);

  /// Runs one job to its end, with all its attempts. Does nothing once the run is ending. A job
  /// that was killed because the run ends is neither printed nor logged: a resumed run starts it
  /// again. What goes wrong here (no memory) ends the run.
  /// \param total  how many jobs there are, if that is known by now.
  void run(const job_input& job, std::optional<std::uint64_t> total) noexcept;

 private:
  void run_attempts(const job_input& job, std::optional<std::uint64_t> total);
  [[nodiscard]] bool attempt(const job_input& job, slot& at, job_report& report);
  [[nodiscard]] bool prepare_files(const job_input& job, slot& at);
  [[nodiscard]] std::optional<child_process> start(slot& at);
  [[nodiscard]] bool wait(child_process& child, time_point started);
  void terminate(child_process& child) const;
  void end_group(child_process& child) const;
  void report_failure(const printer::failure& failed);
  void fail(const std::string& sentence);

  run_context context_;
  start_gate gate_;
  time_limit limit_;
  slots slots_;
  std::optional<results_dir> results_;
  std::optional<word_template> tag_;
};

}  // namespace millpool::run
