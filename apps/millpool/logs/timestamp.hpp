#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millpool::logs {

/// A point in time: milliseconds since 1970-01-01 UTC. Wall clock, as logs have it.
using unix_ms = std::int64_t;

/// Reads the times that logs have:
///   17/May/2015:10:05:03 +0000            access logs
///   2015-05-17[T ]10:05[:03[.250]][zone]  RFC 3339 and its relatives; zone: Z, +02:00, +0200; else
///                                         UTC. The date alone is its midnight
///   May 17 10:05:03                       RFC 3164, which has no year: see time_reader
///   1431857103, 1431857103.25             seconds since 1970; with 13, 16 or 19 digits milli-,
///                                         micro- or nanoseconds
/// \return nothing if it is none of these, or no such day or hour exists.
[[nodiscard]] std::optional<unix_ms> parse_time(std::string_view text, int year);

/// "2015-05-17 10:05:03", UTC; without what a bucket of `unit` milliseconds does not tell.
[[nodiscard]] std::string show_time(unix_ms time, unix_ms unit);

/// parse_time() for many lines: the minute of an access log's time is read once for all lines in
/// it.
///
/// Thread safety  none: one a worker.
class time_reader {
 public:
  /// \param  year  of times that have none.
  explicit time_reader(int year) noexcept : year_{year} {}

  [[nodiscard]] std::optional<unix_ms> read(std::string_view text);

 private:
  int year_;
  // "17/May/2015:10:05:" and " +0000" of the last access-log time, and its minute.
  std::array<char, 26> last_{};
  unix_ms last_minute_ = 0;
};

}  // namespace millpool::logs
