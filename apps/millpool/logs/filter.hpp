#pragma once

#include "apps/millpool/logs/line_matcher.hpp"
#include "apps/millpool/logs/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

/// What --where asks of a line.
///
///   status >= 500 and not (path =~ "^/health" or method in (HEAD, OPTIONS))
///
/// From weak to strong: or, and, not (also ||, &&, !). A comparison is FIELD OP VALUE, with = == !=
/// < <= > >= and, by a regular expression, =~ !~; or FIELD in (VALUE, ...); or FIELD alone: it is
/// there and not empty. A FIELD is a word of letters, digits and _ . @ - /, or a quoted text; a
/// VALUE is a word or a quoted text. A word that is a number is compared as one, and a field that
/// is none then compares as unequal; texts are compared byte by byte. The time field is compared as
/// time, in any form that logs have. What a line lacks is unequal to everything.
///
/// Thread safety  matches() may be called concurrently, with a time_reader each.
class filter {
 public:
  /// \param  time_field  the name of the field that is compared as time.
  /// \param  year        of times that have none.
  /// \return what is wrong, with its column.
  static std::expected<filter, std::string> parse(std::string_view text,
                                                  std::string_view time_field, int year);

  /// The fields that are compared, each once: values for matches() come in this order.
  [[nodiscard]] const std::vector<std::string>& fields() const noexcept { return fields_; }

  /// \param  values  of fields(); null data(): absent.
  [[nodiscard]] bool matches(std::span<const std::string_view> values, time_reader& times) const {
    return matches(nodes_.size() - 1, values, times);
  }

 private:
  friend class filter_reader;

  enum class op : std::uint8_t { all_of, any_of, none_of, is_there, eq, ne, lt, le, gt, ge, re };
  enum class value_kind : std::uint8_t { text, number, time };
  struct node {
    op is = op::is_there;
    value_kind compares = value_kind::text;
    std::uint32_t field = 0;
    double number = 0;
    unix_ms time = 0;
    std::uint32_t matcher = 0;  // of `re`, in matchers_
    std::string text{};
    std::vector<std::uint32_t> children{};  // of the first three; they come before it
  };

  [[nodiscard]] bool matches(std::size_t at, std::span<const std::string_view> values,
                             time_reader& times) const;
  [[nodiscard]] static bool holds(op is, int order) noexcept;

  std::vector<std::string> fields_;
  std::vector<node> nodes_;  // the last is the whole
  std::vector<line_matcher> matchers_;
};

}  // namespace millpool::logs
