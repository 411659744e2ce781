#include "bench/scale/dimensions.hpp"

#include <algorithm>

namespace bench {

std::span<const dimension> all_dimensions() {
  // clang-format off
  static const std::vector<dimension> dimensions{
    // name, title, figure, values, tasks, tasks a unit, quick share
    {"tasks", "empty tasks from 1 producer, capacity 1024", "ns_per_task", {20'000, 200'000, 2'000'000}, 0, 1, 10},
    {"lanes", "empty tasks, lanes (priorities) in use", "ns_per_task", {1, 2, 4, 8}, 500'000, 0, 10},
    {"workers", "tasks that sleep 1 ms, workers; CPU time", "cpu_ns_per_task", {2, 4, 8, 16, 32, 64}, 0, 250, 5},
    {"classes", "empty tasks, task classes in turn", "ns_per_task", {1, 10, 100, 1000}, 500'000, 0, 10},
    {"producers", "empty tasks, producers", "ns_per_task", {1, 2, 4, 8, 16}, 500'000, 0, 10},
    {"capacity", "empty tasks from 1 producer, capacity", "ns_per_task", {1, 16, 256, 4096, 65'536}, 200'000, 0, 10},
  };
  // clang-format on
  return dimensions;
}

const dimension* find_dimension(std::string_view name) {
  const auto all = all_dimensions();
  const auto found = std::ranges::find(all, name, &dimension::name);
  return found == all.end() ? nullptr : &*found;
}

std::string point_name(const dimension& along, std::uint64_t value) {
  return std::string{along.name} + "=" + std::to_string(value);
}

std::uint64_t tasks_of(const dimension& along, std::uint64_t value, bool quick) {
  return (along.tasks + along.tasks_a_unit * value) / (quick ? along.quick_share : 1);
}

}  // namespace bench
