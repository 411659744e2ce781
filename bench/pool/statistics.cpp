#include "bench/pool/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace bench {

summary summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  const double range = values.back() - values.front();
  return {median, range == 0 ? 0 : range / median};
}

std::optional<summary> summary_of(const std::vector<run_result>& runs, std::string_view case_id,
                                  std::string_view subject, std::string_view figure) {
  std::vector<double> values;
  for (const run_result& run : runs) {
    if (run.case_id != case_id || run.subject != subject) continue;
    const auto found = run.values.find(std::string{figure});
    if (found != run.values.end()) values.push_back(found->second);
  }
  if (values.empty()) return std::nullopt;
  return summarize(std::move(values));
}

}  // namespace bench
