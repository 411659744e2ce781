#pragma once

#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <system_error>

namespace millpool::run {

/// Where a job's standard output and error go while it runs: two files without names, on disk so
/// that memory does not grow with the output, used again for the next job of the same slot.
///
/// Lifecycle  prepare(), the job runs, measure(), read it, prepare(), ...
class job_files {
 public:
  /// Makes both files empty. After a job that left processes behind they are new files, since the
  /// old ones may still be written to; else they are the same, which saves a tenth of a short job's
  /// time.
  /// \param directory  on the disk that is to hold the output.
  [[nodiscard]] std::error_code prepare(const std::string& directory, bool fresh);
  /// Makes the job write to these files, which have names.
  [[nodiscard]] std::error_code use_named(const std::string& output, const std::string& error);

  [[nodiscard]] int output() const noexcept { return output_.fd.get(); }
  [[nodiscard]] int error() const noexcept { return error_.fd.get(); }

  /// The job is over: how much did it write?
  void measure();
  /// In bytes, as last measured.
  [[nodiscard]] std::uint64_t output_size() const noexcept { return output_.size; }
  [[nodiscard]] std::uint64_t error_size() const noexcept { return error_.size; }

  /// Whether the disk that holds the files is full: then a job's output may have been cut.
  /// \param directory  on that disk.
  [[nodiscard]] bool disk_full(const std::string& directory) const;

 private:
  struct file {
    [[nodiscard]] std::error_code prepare(const std::string& directory, bool fresh);
    [[nodiscard]] std::error_code use_named(const std::string& path);
    void measure();

    app::unique_fd fd;
    std::uint64_t size = 0;  // as last measured
    bool named = false;
  };
  file output_;
  file error_;
};

/// An unlinked file in `directory`, for reading and writing.
[[nodiscard]] std::expected<app::unique_fd, std::error_code> open_unnamed(
    const std::string& directory);

}  // namespace millpool::run
