#pragma once

#include "apps/millpool/run/halt.hpp"
#include "apps/millpool/run/job_source.hpp"
#include "apps/millpool/run/time_limit.hpp"
#include "apps/support/operating_flags.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::run {

enum class resume_mode : std::uint8_t { off, resume, resume_failed };

/// What the command line of `millpool run` asks for.
struct run_options {
  std::vector<std::string> command;  ///< words with placeholders; never empty
  std::string replacement = "{}";
  std::string shell;  ///< the shell's path with --shell, else empty
  input_options input;

  unsigned jobs = 1;  ///< slots: jobs that run at the same time
  duration delay{0};
  std::uint64_t memfree = 0;               ///< bytes
  std::optional<unsigned> priority_field;  ///< a column of the input, from 1
  unsigned attempts = 1;                   ///< --retries; 0: until it succeeds
  time_limit_spec timeout;
  halt_policy halt;

  bool keep_order = false;
  bool ungroup = false;
  bool json = false;
  bool dry_run = false;
  bool bar = false;
  std::optional<std::string> tag;  ///< a template
  std::string results;             ///< a directory, or empty
  std::string joblog;              ///< a file, "-", or empty
  bool joblog_appends = false;
  resume_mode resume = resume_mode::off;
  app::operating_settings operating;
  bool count_failures = false;  ///< the exit status is GNU parallel's
};

/// The options, or that the program ends here.
struct parsed_options {
  run_options options;
  std::optional<int>
      exit;  ///< if set: print `text` (0: standard output, else: standard error) and end
  std::string text;
};

/// \param cpus  what `-j auto` and percentages refer to.
[[nodiscard]] parsed_options parse_options(int argc, const char* const* argv, unsigned cpus);

/// "8", "50%", "+2", "auto", "0" (as many as possible): how many jobs at a time.
[[nodiscard]] std::expected<unsigned, std::string> parse_jobs(std::string_view text, unsigned cpus);

}  // namespace millpool::run
