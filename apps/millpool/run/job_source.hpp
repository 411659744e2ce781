#pragma once

#include "apps/millpool/run/command_template.hpp"
#include "apps/millpool/run/record_splitter.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace millpool::run {

/// Where arguments come from: a file, standard input, or the command line.
struct input_spec {
  enum class kind : std::uint8_t { file, words };
  kind what = kind::file;
  std::string path;                ///< file: "-" is standard input
  std::vector<std::string> words;  ///< words: what followed a `:::`
};

struct input_options {
  std::vector<input_spec> sources;    ///< several: every combination, the last one moves fastest
  char separator = '\n';              ///< '\0' with -0
  bool skip_blank = false;            ///< -r: records of nothing but white space make no job
  std::size_t args_per_job = 1;       ///< -n
  std::optional<std::string> colsep;  ///< -C: cuts each record into {1}, {2}, ...
};

/// Turns input into jobs, one at a time: what was read and not yet asked for is one read long,
/// however long the input. Only where there are several sources are all but the first kept whole.
///
/// Thread safety  none: one thread reads.
class job_source {
 public:
  /// Opens every file before the first job is made.
  /// \return the source, or a sentence that says which file cannot be read.
  [[nodiscard]] static std::expected<job_source, std::string> open(input_options options);

  enum class state : std::uint8_t { job, need_input, end };
  /// The next job, if the bytes that were read hold one. Never waits. `job` is filled only for
  /// state::job.
  /// \return need_input: wait until fd() is readable, then call fill(). Or why the input ended
  /// badly.
  [[nodiscard]] std::expected<state, std::string> next(job_input& job);

  [[nodiscard]] int fd() const noexcept { return first_.fd.get(); }
  /// Reads once. Waits where the descriptor would. \return what went wrong, as a sentence.
  [[nodiscard]] std::expected<void, std::string> fill();

  /// How many jobs there are in all, where that can be known before the end: words on the command
  /// line, and regular files, standard input too, which this reads once more. Call it before the
  /// first fill().
  [[nodiscard]] std::optional<std::uint64_t> count_jobs() const;

 private:
  // A source that is read as a stream: words count as one that was read already.
  struct stream {
    std::string name;
    app::unique_fd fd;
    std::vector<std::string> words;
    std::size_t next_word = 0;
    std::optional<record_splitter> splitter;
    std::uint64_t records = 0;  // taken so far, for messages
  };

  explicit job_source(input_options options) : options_(std::move(options)) {}
  [[nodiscard]] static std::expected<stream, std::string> open_stream(input_spec spec,
                                                                      char separator);
  [[nodiscard]] static std::expected<void, std::string> fill(stream& from);
  [[nodiscard]] std::expected<state, std::string> next_record(stream& from,
                                                              std::string& record) const;
  [[nodiscard]] std::expected<void, std::string> load_rest(std::vector<stream> streams);
  [[nodiscard]] std::expected<state, std::string> next_combination(job_input& job);
  void add_columns(std::string record, std::vector<std::string>& args) const;

  input_options options_;
  stream first_;
  std::vector<std::vector<std::string>> rest_;  // the records of the sources after the first
  std::vector<std::size_t> odometer_;           // into rest_: the combination that comes next
  std::optional<std::string> outer_;            // first_'s record, while rest_ runs through
  std::vector<std::string> gathered_;           // -n: arguments of the job that is being filled
  std::size_t gathered_records_ = 0;
  std::uint64_t seq_ = 0;
};

}  // namespace millpool::run
