#pragma once

#include "apps/millpool/run/job_files.hpp"
#include "apps/millpool/run/job_report.hpp"
#include "apps/millpool/run/output_target.hpp"

#include <cstdint>
#include <system_error>
#include <vector>

namespace millpool::run {

/// Gives what a job wrote to a target: as it is, with a tag before each line, or as a JSON object.
///
/// Memory  one buffer; JSON holds a job's whole output.
/// Thread safety  none: the printer formats, under its lock.
class output_format {
 public:
  enum class style : std::uint8_t { plain, json };
  explicit output_format(style how) : style_(how) {}

  [[nodiscard]] std::error_code write(const job_report& report, const job_files& files,
                                      output_target& to);

 private:
  [[nodiscard]] std::error_code write_json(const job_report& report, const job_files& files,
                                           output_target& to);
  [[nodiscard]] std::error_code copy(int fd, std::uint64_t size, std::string_view tag,
                                     output_target::stream stream, output_target& to);

  style style_;
  std::vector<char> buffer_;
};

}  // namespace millpool::run
