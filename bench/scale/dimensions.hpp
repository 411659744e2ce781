// Along what the cost of a task is followed: one table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct dimension {
  std::string_view name;
  std::string_view title;
  std::string_view figure;  // nanoseconds a task: of the clock, or of the CPUs
  std::vector<std::uint64_t> values;
  // A point has `tasks` tasks and `tasks_a_unit` more a unit of its value.
  std::uint64_t tasks;
  std::uint64_t tasks_a_unit;
  std::uint64_t quick_share;  // --quick: so many times fewer
};

std::span<const dimension> all_dimensions();

const dimension* find_dimension(std::string_view name);

/// A point by its name, as it travels to its process and into the JSON lines: "lanes=4".
std::string point_name(const dimension& along, std::uint64_t value);

std::uint64_t tasks_of(const dimension& along, std::uint64_t value, bool quick);

}  // namespace bench
