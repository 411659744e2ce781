// Pools, and their options, as JSON.
#pragma once

#include "millpool/pool/option_change.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/pool_stats.hpp"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::admin {

/// \throws std::invalid_argument: it is no JSON, or nested too deeply for anything here.
[[nodiscard]] nlohmann::ordered_json parse(std::string_view text);

/// Says that a value cannot be: "where: must be wanted, is value". \throws std::invalid_argument.
[[noreturn]] void refuse(const std::string& where, const std::string& wanted,
                         const nlohmann::ordered_json& is);
/// Which of the names it is. \throws std::invalid_argument: none of them.
[[nodiscard]] std::size_t index_among(std::span<const std::string_view> names,
                                      const std::string& where, const nlohmann::ordered_json& from);
/// The one of an enumeration's `count` values, from 0 on, whose to_string() it is. As above.
template <class Enum, std::size_t count>
[[nodiscard]] Enum value_named(const std::string& where, const nlohmann::ordered_json& from) {
  std::array<std::string_view, count> names;
  for (std::size_t i = 0; i < count; ++i) names[i] = to_string(static_cast<Enum>(i));
  return static_cast<Enum>(index_among(names, where, from));
}
/// A number of seconds; nothing: it is none, or more than a duration holds.
[[nodiscard]] std::optional<duration> seconds_in(const nlohmann::ordered_json& from);

/// In one line. What is not UTF-8 in it is mended.
[[nodiscard]] std::string text_of(const nlohmann::ordered_json& value);

/// What changed, as reconfigure() tells it.
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<option_change>& changes);

/// What a pool does, times in seconds.
[[nodiscard]] nlohmann::ordered_json json_of(const pool_stats& pool);

/// The options that may change while a pool runs, by the names that reconfigure() tells them by.
[[nodiscard]] nlohmann::ordered_json json_of(const pool_options& options);

/// Sets what `changes` names, in the same form.
/// \param   only  the options that may be named; empty: all.
/// \throws  std::invalid_argument that names the option, and what is wrong with it.
void change(const nlohmann::ordered_json& changes, const std::vector<std::string>& only,
            pool_options& options);

}  // namespace millpool::admin
