#include "bench/pool/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <sstream>
#include <string_view>

namespace bench {

namespace {

constexpr std::size_t name_width = 13;
constexpr std::size_t column_width = 11;
constexpr std::size_t measured_width = 42;

std::string left(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}
std::string right(const std::string& text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string shown(const std::vector<run_result>& runs, std::string_view case_id,
                  std::string_view subject, std::string_view figure) {
  const auto found = summary_of(runs, case_id, subject, figure);
  return found ? readable(found->median) : "-";
}

std::string title_of(std::string_view figure) {
  std::string title{figure};
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

}  // namespace

std::string readable(double value) {
  std::array<char, 64> text{};
  const int digits = value >= 100 || value == 0 ? 0 : value >= 10 ? 1 : 2;
  (void)std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string case_table(const case_info& which, const std::vector<run_result>& runs,
                       const std::vector<std::string>& absent) {
  std::string text = "\n";
  text.append(which.id).append("  ").append(which.title).append("\n");
  std::vector<std::string> columns{std::string{which.unit}, "spread", "x millpool"};
  for (const auto figure : which.more) columns.push_back(title_of(figure));
  for (const char* const each : {"peak KiB", "CPU %", "tasks"}) columns.emplace_back(each);
  text += left("  subject", name_width + 2);
  for (const std::string& each : columns) text += right(each, column_width);
  text += "\n";

  const auto own = summary_of(runs, which.id, own_name, which.figure);
  for (const subject_info& subject : all_subjects()) {
    std::string row = "  ";
    row += subject.name;
    if (subject.in_producer) row += "*";
    row = left(row, name_width + 2);
    const auto found = summary_of(runs, which.id, subject.name, which.figure);
    if (!found) {
      if (std::ranges::find(absent, subject.name) != absent.end()) {
        text += row + right("-", column_width) + "\n";
      }
      continue;
    }
    std::vector<std::string> cells{readable(found->median / which.per_unit),
                                   readable(100 * found->spread) + "%",
                                   own ? readable(found->median / own->median) : "-"};
    for (const auto figure : which.more) {
      cells.push_back(shown(runs, which.id, subject.name, figure));
    }
    for (const char* const figure : {"peak_rss_kib", "cpu_percent", "tasks"}) {
      cells.push_back(shown(runs, which.id, subject.name, figure));
    }
    text += row;
    for (const std::string& each : cells) text += right(each, column_width);
    text += "\n";
  }
  return text;
}

std::string gate_table(const std::vector<verdict>& verdicts) {
  std::string text = "\n";
  text += left("case", 7) + left("to reach", 40) + left("measured", measured_width) + "\n";
  std::size_t met = 0;
  for (const verdict& each : verdicts) {
    text += left(std::string{each.asked.case_id}, 7) + left(std::string{each.asked.to_reach}, 40) +
            left(each.measured, measured_width);
    switch (each.reached) {
      case state::met:
        text += "met\n";
        break;
      case state::not_met:
        text += "NOT met\n";
        break;
      case state::not_measured:
        text += "not measured\n";
        break;
    }
    if (each.reached == state::met) ++met;
  }
  return text + std::to_string(met) + " of " + std::to_string(verdicts.size()) + " gates met\n";
}

std::string json_line(const run_result& run) {
  std::ostringstream line;
  line.precision(10);
  line << R"({"case":")" << run.case_id << R"(","subject":")" << run.subject << R"(","round":)"
       << run.round;
  constexpr std::array<std::string_view, 4> first{"ns_per_task", "peak_rss_kib", "cpu_percent",
                                                  "tasks"};
  for (const auto name : first) {
    line << ",\"" << name << "\":";
    const auto found = run.values.find(std::string{name});
    if (found == run.values.end()) {
      line << "null";  // I has no tasks
    } else {
      line << found->second;
    }
  }
  for (const auto& [name, number] : run.values) {
    if (std::ranges::find(first, name) == first.end()) line << ",\"" << name << "\":" << number;
  }
  line << "}";
  return line.str();
}

}  // namespace bench
