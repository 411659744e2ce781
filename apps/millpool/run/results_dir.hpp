#pragma once

#include "apps/millpool/run/command_template.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace millpool::run {

/// --results: a directory a job, named after its arguments, laid out as GNU parallel does:
/// DIR/1/<first argument>/2/<second>/{stdout,stderr,seq}.
class results_dir {
 public:
  explicit results_dir(std::string root) : root_(std::move(root)) {}

  struct paths {
    std::string output;
    std::string error;
  };
  /// Makes the job's directory and writes `seq`.
  [[nodiscard]] std::expected<paths, std::error_code> create(const job_input& job) const;

  /// The directory of a job, without making it.
  [[nodiscard]] std::string path_of(const job_input& job) const;

 private:
  std::string root_;
};

}  // namespace millpool::run
