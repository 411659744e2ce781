#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

enum class format_kind : std::uint8_t { combined, common, json, logfmt, syslog, csv, pattern };

[[nodiscard]] std::string_view to_string(format_kind kind) noexcept;

/// How lines are read.
struct line_format {
  format_kind kind = format_kind::combined;
  std::string pattern;               ///< of `pattern`
  char delimiter = ',';              ///< of `csv`
  std::vector<std::string> columns;  ///< of `csv`: what the first line of the input says
};

/// Takes lines of one format apart.
///
/// Thread safety  none: one a worker.
class line_parser {
 public:
  virtual ~line_parser() = default;
  line_parser(const line_parser&) = delete;
  line_parser& operator=(const line_parser&) = delete;

  /// Finds the fields that the parser was made for.
  /// \param  line    without its newline. scan_padding bytes behind it can be read.
  /// \param  values  as many as fields. One whose data() is null is absent. They are views of the
  ///                 line or of the parser, until its next call.
  /// \return false: the line is malformed. It does not depend on the fields that were asked for.
  [[nodiscard]] virtual bool parse(std::string_view line, std::span<std::string_view> values) = 0;

 protected:
  line_parser() = default;
};

/// A parser that finds `fields`. \return what is wrong: the format has no such field, or the
/// pattern is none.
[[nodiscard]] std::expected<std::unique_ptr<line_parser>, std::string> make_parser(
    const line_format& format, const std::vector<std::string>& fields);

/// The field that --histogram and time comparisons mean, unless the user says another: `time` where
/// the format fixes its names; else the first usual name among those that the sample has.
[[nodiscard]] std::string usual_time_field(const line_format& format,
                                           const std::vector<std::string>& sample);

/// The format of which most of the lines are, if at least half of them are.
/// \param  sample  the first lines of the input, each padded: see line_parser::parse().
struct guess {
  line_format format;
  std::size_t fitting = 0;  ///< lines of the sample
};
[[nodiscard]] std::optional<guess> guess_format(const std::vector<std::string>& sample);

/// A line as parse() wants it.
[[nodiscard]] std::string padded(std::string_view line);

// ---- the parsers, one a file

/// The fields that a format with fixed names has.
[[nodiscard]] std::span<const std::string_view> access_fields() noexcept;
[[nodiscard]] std::span<const std::string_view> syslog_fields() noexcept;
/// The fields of a pattern, or what is wrong with it.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> pattern_fields(
    const std::string& pattern);
/// The fields of a csv file's first line, unquoted, without a byte order mark. Nothing: a quote is
/// left open, something follows one, or it is within an unquoted field.
[[nodiscard]] std::optional<std::vector<std::string>> csv_columns(std::string_view line,
                                                                  char delimiter);

/// \param  which  a place among the format's fields for each that is asked for.
[[nodiscard]] std::unique_ptr<line_parser> make_access_parser(std::vector<std::size_t> which,
                                                              bool combined);
[[nodiscard]] std::unique_ptr<line_parser> make_syslog_parser(std::vector<std::size_t> which);
[[nodiscard]] std::unique_ptr<line_parser> make_csv_parser(std::vector<std::size_t> which,
                                                           std::size_t columns, char delimiter);
/// `pattern` is one whose fields were found.
[[nodiscard]] std::unique_ptr<line_parser> make_pattern_parser(const std::string& pattern,
                                                               std::vector<std::size_t> which);
/// \param  names  of the fields: any.
[[nodiscard]] std::unique_ptr<line_parser> make_json_parser(std::vector<std::string> names);
[[nodiscard]] std::unique_ptr<line_parser> make_logfmt_parser(std::vector<std::string> names);

}  // namespace millpool::logs
