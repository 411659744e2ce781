#pragma once

#include "apps/millpool/logs/query.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

enum class report_style : std::uint8_t { table, json, csv };

/// What is told at the end.
struct report {
  std::uint64_t lines = 0;
  std::uint64_t malformed = 0;
  std::uint64_t selected = 0;
  std::uint64_t bytes = 0;
  bool filters = false;  ///< there is a --where
  std::vector<answer> answers;
};
[[nodiscard]] report report_of(const findings& found);

/// Aligned columns, with bars of counts where there is room for them.
/// \param  columns  of the terminal; 0: it is none, and there are no bars.
[[nodiscard]] std::string as_table(const report& all, std::size_t columns);
/// One object, on one line.
[[nodiscard]] std::string as_json(const report& all);
/// A record a row: answer, field, key, value.
[[nodiscard]] std::string as_csv(const report& all);
/// Bars of all counts, as an SVG document.
[[nodiscard]] std::string as_svg(const report& all);

/// A number as a person writes it: "42", "0.25", "1234567.75"; of the digits before the point, all.
[[nodiscard]] std::string show_number(double value);
/// A number from which a program reads the same value.
[[nodiscard]] std::string exact_number(double value);
/// Text from a log, fit for a terminal and for XML: what is a control character, or is not UTF-8,
/// byte by byte as \xNN.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace millpool::logs
