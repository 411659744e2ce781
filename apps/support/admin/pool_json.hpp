// Pools, and their options, as JSON.
#pragma once

#include "millpool/pool/option_change.hpp"
#include "millpool/pool/pool_options.hpp"
#include "millpool/pool/pool_stats.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace millpool::admin {

/// In one line. What is not UTF-8 in it is mended.
[[nodiscard]] std::string text_of(const nlohmann::ordered_json& value);

/// What changed, as reconfigure() tells it.
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<option_change>& changes);

/// What a pool does, times in seconds.
[[nodiscard]] nlohmann::ordered_json json_of(const pool_stats& pool);

/// The options that may change while a pool runs, by the names that reconfigure() tells them by.
[[nodiscard]] nlohmann::ordered_json json_of(const pool_options& options);

/// Sets what `changes` names, in the same form.
/// \throws std::invalid_argument that names the option, and what is wrong with it.
void change(const nlohmann::ordered_json& changes, pool_options& options);

}  // namespace millpool::admin
