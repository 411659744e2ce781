#pragma once

#include "apps/millpool/logs/checkpoint.hpp"
#include "apps/millpool/logs/options.hpp"
#include "apps/millpool/logs/query.hpp"
#include "apps/millpool/logs/report.hpp"
#include "apps/millpool/logs/scan.hpp"
#include "apps/support/progress_bar.hpp"
#include "apps/support/signals.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

enum exit_status : int {
  exit_ok = 0,
  exit_incomplete = 1,
  exit_bad_input = 2,
  exit_interrupted = 130,
  exit_broken_pipe = 141
};

/// One run: reads all inputs, or follows them, prints what is found, and keeps the checkpoint.
///
/// Thread safety  none: it is the main thread's.
class session {
 public:
  /// \param  asked, inputs  outlive the session. \param  stop  an eventfd: see byte_source.
  session(const logs_options& options, const query& asked, std::vector<input>& inputs,
          const app::unique_fd& stop);

  /// \return the exit status.
  [[nodiscard]] int run();

 private:
  // Reads what has been started; nothing: to the end. Else: the run is over, with this status.
  [[nodiscard]] std::optional<int> read_on();
  // Counts, and tells problems.
  void note(const scan::outcome& one);
  // The same, and prints what it has to print.
  [[nodiscard]] std::optional<int> take(const scan::outcome& one);
  void rest() const;
  [[nodiscard]] std::optional<int> hear_signals();
  [[nodiscard]] std::optional<int> print_report();
  [[nodiscard]] int finish();
  void finish_chains();
  void interrupt();

  // --follow
  [[nodiscard]] int follow();
  void refresh(std::size_t number);
  void reopen(std::size_t number);

  // --checkpoint
  [[nodiscard]] bool save_when_due();
  [[nodiscard]] bool save();
  [[nodiscard]] bool read_unfinished_lines();

  void collect(findings& all);
  [[nodiscard]] std::string described(line_place place, std::string_view text) const;
  void tell_malformed(const findings& all);
  void say(std::string_view sentence);
  void show_progress();
  [[nodiscard]] int end_of_strict();

  const logs_options& options_;
  const query& asked_;
  std::vector<input>& inputs_;
  std::optional<app::progress_bar> bar_;
  std::optional<app::signal_events> signals_;  // else they do what they always do
  checkpoint checkpoint_;
  findings before_;  // what the checkpoint had
  scan scan_;
  std::optional<std::uint64_t> total_;  // bytes, if all inputs are files
  std::uint64_t consumed_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t malformed_ = 0;
  std::set<std::string> told_problems_;
  std::set<line_place> told_malformed_;
  std::uint64_t told_more_malformed_ = 0;
  bool incomplete_ = false;
  bool interrupted_ = false;
  bool past_checkpoint_ = false;  // what is read now is not for the checkpoint
  const time_point begun_;
  time_point saved_;
};

}  // namespace millpool::logs
