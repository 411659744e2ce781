#pragma once

#include "apps/millpool/logs/filter.hpp"
#include "apps/millpool/logs/groups.hpp"
#include "apps/millpool/logs/kept_lines.hpp"
#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/line_matcher.hpp"
#include "apps/millpool/logs/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

enum class question_kind : std::uint8_t {
  count_by,
  top,
  histogram,
  percentile,
  distinct,
  sum,
  min,
  max,
  mean,
  sample
};

/// One of the flags that ask something of the lines.
struct question {
  question_kind kind = question_kind::count_by;
  std::string field{};             ///< empty for `sample`, and for `histogram` until it is known
  std::size_t count = 0;           ///< of `top` and `sample`
  unix_ms unit = 0;                ///< of `histogram`
  std::vector<double> percents{};  ///< of `percentile`
};

/// What is asked of the input, apart from where it is.
struct query_options {
  std::vector<question> questions{};
  std::string where{};
  std::optional<std::string> match{};  ///< print the lines that match
  std::string time_field{};            ///< empty: the usual one
  std::size_t max_groups = 100'000;
  std::uint64_t seed = 1;
  int year = 1970;  ///< of times that have none
};

/// One answer, in rows.
struct answer {
  struct row {
    std::string key;
    std::optional<double> value;     ///< nothing: there was no value to say it of
    bool is_count = false;           ///< of lines
    std::string digits{};            ///< of a whole value beyond those that doubles hold
    std::optional<unix_ms> begin{};  ///< of a histogram's bucket
  };
  question_kind kind = question_kind::count_by;
  std::string title;
  std::string field;
  std::vector<row> rows;
  std::vector<std::string> notes;  ///< how exact it is, what was left out
  unix_ms unit = 0;                ///< of a histogram
};

class answerer;

class query;

/// What one worker has found in its lines so far; or, merged, what all have.
///
/// Thread safety  none: one a worker.
class findings {
 public:
  /// \param  asked  outlives this object.
  explicit findings(const query& asked);
  ~findings();
  findings(const findings&) = delete;
  findings& operator=(const findings&) = delete;

  /// Takes whole lines in, which are padded: see text_scan.hpp.
  /// \param  place    of the first.
  /// \param  printed  the lines to be printed are put behind what is there.
  void take(std::string_view lines, line_place place, std::string& printed);
  /// Counts a line that is longer than any buffer.
  void take_overlong(line_place place, std::string_view begin);

  void merge(const findings& other);
  void save(archive_writer& out) const;
  void load(archive_reader& in);

  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
  [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }
  [[nodiscard]] std::uint64_t selected() const noexcept { return selected_; }
  /// Bytes of lines, with their newlines.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] const kept_lines<line_place>& first_malformed() const noexcept {
    return first_malformed_;
  }
  [[nodiscard]] std::vector<answer> answers() const;

 private:
  void take_line(std::string_view line, line_place place, std::string& printed);
  [[nodiscard]] bool is_selected();
  void match_only(std::string_view lines, std::string& printed);

  // One question, as take_line() needs it.
  struct asking {
    std::unique_ptr<answerer> by;
    std::size_t place;  // of its field among values_
  };

  const query& asked_;
  const filter* const where_;        // of asked_, or null
  const line_matcher* const match_;  // so
  std::unique_ptr<line_parser> parser_;
  time_reader times_;
  std::vector<std::string_view> values_;         // the whole line, and then query::fields()
  std::vector<std::string_view> filter_values_;  // in the filter's order
  std::vector<asking> questions_;
  std::uint64_t lines_ = 0;
  std::uint64_t malformed_ = 0;
  std::uint64_t selected_ = 0;
  std::uint64_t bytes_ = 0;
  kept_lines<line_place> first_malformed_;
};

/// Everything asked, bound to a format: which fields are needed, and what is shared by the workers.
///
/// Thread safety  const members may be called concurrently.
class query {
 public:
  static constexpr std::size_t shown_malformed = 10;

  /// \param  sample  the first lines of the input, padded.
  /// \return what is wrong: a field that the format has not, a filter that is none.
  static std::expected<std::unique_ptr<query>, std::string> make(
      query_options options, const line_format& format, const std::vector<std::string>& sample);

  [[nodiscard]] const query_options& options() const noexcept { return options_; }
  [[nodiscard]] const line_format& format() const noexcept { return format_; }
  /// The fields that a parser has to find.
  [[nodiscard]] const std::vector<std::string>& fields() const noexcept { return fields_; }
  [[nodiscard]] const std::optional<filter>& where() const noexcept { return where_; }
  [[nodiscard]] const std::optional<line_matcher>& match() const noexcept { return match_; }
  /// Nothing but --match: lines need not be taken apart.
  [[nodiscard]] bool only_matches() const noexcept {
    return match_ && !where_ && options_.questions.empty();
  }
  /// For each question that groups, its groups.
  [[nodiscard]] group_names& names_of(std::size_t question) const { return *names_[question]; }
  /// The places of the questions' fields among a line's values, and of the filter's. Place 0 is the
  /// whole line, which is called @line; the others are fields().
  [[nodiscard]] std::size_t place_of(std::size_t question) const { return places_[question]; }
  [[nodiscard]] const std::vector<std::size_t>& filter_places() const noexcept {
    return filter_places_;
  }

  /// A text that differs where the answers would: a checkpoint is of one query.
  [[nodiscard]] std::string fingerprint() const;

 private:
  query() = default;
  std::size_t place_for(const std::string& field);

  query_options options_;
  line_format format_;
  std::vector<std::string> fields_;
  std::optional<filter> where_;
  std::optional<line_matcher> match_;
  std::vector<std::unique_ptr<group_names>> names_;
  std::vector<std::size_t> places_;
  std::vector<std::size_t> filter_places_;
};

}  // namespace millpool::logs
