#pragma once

#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/query.hpp"
#include "apps/millpool/logs/report.hpp"
#include "apps/support/operating_flags.hpp"
#include "millpool/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millpool::logs {

/// What the command line of `millpool logs` asks for.
struct logs_options {
  std::vector<std::string> paths;  ///< "-": standard input; never empty
  query_options query;
  std::optional<line_format> format;  ///< nothing: guessed; of csv the columns are yet unknown

  unsigned workers = 1;
  bool strict = false;
  bool follow = false;
  duration interval = std::chrono::seconds{1};  ///< between two tables of --follow
  std::string checkpoint;                       ///< a file, or empty
  duration checkpoint_every = std::chrono::seconds{5};
  report_style style = report_style::table;
  std::string plot;  ///< a file, or empty
  app::operating_settings operating;
  std::optional<bool> shows_progress;  ///< nothing: on a terminal
};

/// The options, or that the program ends here.
struct parsed_options {
  logs_options options;
  std::optional<int>
      exit;  ///< if set: print `text` (0: standard output, else: standard error) and end
  std::string text;
};

/// \param cpus  the number of workers, unless the user says another.
/// \param year  of times that have none, unless the user says another.
[[nodiscard]] parsed_options parse_options(int argc, const char* const* argv, unsigned cpus,
                                           int year);

/// "50", "p50,p99.9": percents from 0 to 100. \return what is wrong.
[[nodiscard]] std::expected<std::vector<double>, std::string> parse_percents(std::string_view text);

/// "second", "minute", "hour", "day", or a time such as "15m". \return what is wrong.
[[nodiscard]] std::expected<unix_ms, std::string> parse_unit(std::string_view text);

}  // namespace millpool::logs
