#include "bench/scale/verdict.hpp"

#include "bench/pool/catalogue.hpp"

#include <array>
#include <cstdio>

namespace bench {

namespace {

summary at(const dimension& along, std::uint64_t value, std::string_view figure,
           const std::vector<run_result>& runs) {
  return summary_of(runs, point_name(along, value), own_name, figure).value();
}

double ratio(const dimension& along, std::string_view figure, const std::vector<run_result>& runs) {
  return at(along, along.values.back(), figure, runs).median /
         at(along, along.values.front(), figure, runs).median;
}

}  // namespace

growth growth_of(const dimension& along, const std::vector<run_result>& runs) {
  return {ratio(along, along.figure, runs), ratio(along, "peak_rss_kib", runs)};
}

std::string dimension_table(const dimension& along, const std::vector<run_result>& runs) {
  std::array<char, 160> line{};
  std::string text = "\n";
  text.append(along.title).append("\n");
  (void)std::snprintf(line.data(), line.size(), "%12s %12s %9s %12s %12s\n", along.name.data(),
                      "ns/task", "spread", "peak KiB", "tasks");
  text += line.data();
  for (const std::uint64_t value : along.values) {
    const summary cost = at(along, value, along.figure, runs);
    (void)std::snprintf(line.data(), line.size(), "%12llu %12.1f %8.0f%% %12.0f %12.0f\n",
                        static_cast<unsigned long long>(value), cost.median, 100 * cost.spread,
                        at(along, value, "peak_rss_kib", runs).median,
                        at(along, value, "tasks", runs).median);
    text += line.data();
  }
  const growth grown = growth_of(along, runs);
  (void)std::snprintf(line.data(), line.size(),
                      "cost a task, last over first: %.2f, %s; peak memory: %.2f\n", grown.cost,
                      grown.is_flat() ? "flat" : "NOT flat", grown.memory);
  return text + line.data();
}

}  // namespace bench
