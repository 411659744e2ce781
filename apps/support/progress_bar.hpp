#pragma once

#include "millpool/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace millpool::app {

/// What is counted.
enum class progress_unit : std::uint8_t { jobs, bytes };

/// How far the work has come.
struct progress {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;            ///< of those done
  std::uint64_t skipped = 0;           ///< done by an earlier run
  std::optional<std::uint64_t> total;  ///< all there is, with what was skipped, if that is known
};

/// Shows progress on standard error: a bar that is drawn over and over on a terminal, a plain line
/// every ten seconds elsewhere.
///
/// Thread safety  none.
class progress_bar {
 public:
  /// \param time  outlives the bar.
  progress_bar(std::string program, int fd, const clock& time,
               progress_unit unit = progress_unit::jobs);

  /// Shows `now`, if something was shown too recently then nothing happens.
  void show(const progress& now);
  /// Removes the bar, so that other output can be written. The next show() draws it again.
  void wipe();
  /// Removes the bar and sums up in one plain line. Of jobs, only.
  void finish(const progress& now);

  /// How long the caller may sleep between two calls of show().
  [[nodiscard]] duration pace() const noexcept;

  /// The bar's text, at most `columns` wide.
  [[nodiscard]] std::string render(const progress& now, unsigned columns);

 private:
  [[nodiscard]] std::string figures(const progress& now);
  [[nodiscard]] double rate(const progress& now);

  [[nodiscard]] std::string amount(std::uint64_t count) const;
  [[nodiscard]] std::string rate_text(double per_second) const;

  std::string program_;
  int fd_;
  const clock& time_;
  progress_unit unit_;
  bool terminal_;
  bool drawn_ = false;
  time_point begun_;
  time_point shown_;
};

}  // namespace millpool::app
