#pragma once

#include "apps/millpool/run/halt.hpp"
#include "apps/millpool/run/job_files.hpp"
#include "apps/millpool/run/job_report.hpp"
#include "apps/millpool/run/joblog.hpp"
#include "apps/millpool/run/output_format.hpp"
#include "apps/millpool/run/output_spool.hpp"
#include "apps/millpool/run/output_target.hpp"
#include "apps/millpool/run/print_order.hpp"
#include "apps/support/progress_bar.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace millpool::run {

/// The one place where results leave: a job's output is printed whole, then its joblog line is
/// written. That order means that a job that the log calls done has been seen; after a crash a job
/// may run twice, but its output is never missing.
///
/// Keeping order  what ends early waits in a spool until every job before it was printed.
/// Thread safety  all members may be called concurrently; one job is printed at a time.
class printer {
 public:
  struct options {
    bool keep_order = false;
    output_format::style style = output_format::style::plain;
    bool captured = true;     ///< false: jobs wrote to our own streams
    bool printed = true;      ///< false: what was captured stays in its files
    std::string directory{};  ///< for the spool
    std::string files_at{};   ///< on the disk that takes the jobs' output
  };
  /// What went wrong while a job was printed or logged.
  struct failure {
    enum class where : std::uint8_t { standard_output, job_files, joblog };
    where what;
    std::error_code error;
  };

  /// \param log  may be nullptr. \param bar  may be nullptr; it is wiped before output appears.
  printer(options how, joblog* log, halt_monitor halt, app::progress_bar* bar);

  /// The next job in order, before it can end. Never waits.
  void expect(std::uint64_t seq) {
    if (options_.keep_order) order_.expect(seq);
  }
  /// Jobs whose output waits for its turn, or for its job. Never waits.
  [[nodiscard]] std::size_t backlog() const { return options_.keep_order ? order_.size() : 0; }
  /// What is in the spool, in bytes. Never waits.
  [[nodiscard]] std::uint64_t held_bytes() const { return order_.held_bytes(); }

  struct verdict {
    std::optional<failure> failed;
    halt_policy::when halt = halt_policy::when::never;
  };
  /// A job ended. \param total  how many jobs there are, if that is known.
  [[nodiscard]] verdict finish(const job_report& report, const job_files& files,
                               std::optional<std::uint64_t> total);

  /// No job will end any more: prints what is still held, though jobs before it are missing.
  [[nodiscard]] std::optional<failure> flush();

  /// Something for standard error, between two jobs' outputs.
  void say(std::string_view message);
  /// The same from the main thread, which does not wait: neither for whoever prints now, nor for a
  /// reader.
  /// \return whether it was said.
  bool say_now(std::string_view message);
  /// Draws the bar, with the counts as they are now.
  void draw(const std::function<void(app::progress_bar&, const halt_monitor&)>& how);
  /// How often draw() is worth a call.
  [[nodiscard]] duration pace() const noexcept {
    return bar_ != nullptr ? bar_->pace() : duration::max();
  }
  [[nodiscard]] halt_monitor tally() const;

 private:
  [[nodiscard]] std::optional<failure> print(const job_report& report, const job_files& files);
  [[nodiscard]] std::optional<failure> hold(const job_report& report, const job_files& files);
  [[nodiscard]] std::optional<failure> print_held(bool over_gaps);
  [[nodiscard]] std::optional<failure> disk_full(const job_files& files) const;
  [[nodiscard]] bool says_something(const job_files& files) const;
  [[nodiscard]] std::optional<failure> write_log(std::string_view line);
  [[nodiscard]] std::string_view log_line(const job_report& report, const job_files& files);

  const options options_;
  joblog* const log_;
  app::progress_bar* const bar_;

  print_order order_;  // used with keep_order only

  mutable std::mutex mutex_;  // guards all below, log_, bar_ and our standard streams
  halt_monitor halt_;
  output_format format_;
  standard_streams streams_;
  output_spool spool_;
  std::string line_;
};

}  // namespace millpool::run
