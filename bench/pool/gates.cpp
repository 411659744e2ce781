#include "bench/pool/gates.hpp"

#include "bench/pool/catalogue.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace bench {

namespace {

// The table says MB, the kernel KiB.
constexpr double megabytes = 1e6 / 1024;

std::string number(const char* format, double value) {
  std::array<char, 64> text{};
  // The formats are the literals of this file.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  (void)std::snprintf(text.data(), text.size(), format, value);
#pragma GCC diagnostic pop
  return text.data();
}

bool refers_to(reference against, const subject_info& subject) {
  switch (against) {
    case reference::none:
      return false;
    case reference::best:
      return subject.packaged && !subject.in_producer;
    case reference::serial:
      return subject.name == "serial";
    case reference::go:
      return subject.name == "go" || subject.name == "go-pool";
  }
  return false;
}

std::string compared(const gate& asked, double own, const rival& other) {
  const bool wants_factor = asked.against == reference::best && asked.limit < 1;
  std::string text = wants_factor ? number("%.2fx ", other.median / own)
                                  : number("%.2f times ", own / other.median);
  return text.append(other.name);
}

verdict judge_one(const gate& asked, const std::vector<run_result>& runs) {
  const auto own = summary_of(runs, asked.case_id, own_name, asked.figure);
  if (!own) return {asked, "-", state::not_measured};
  if (asked.against == reference::none) {
    const double shown = own->median / asked.per_unit;
    return {asked, number(shown < 1000 ? "%.4g " : "%.0f ", shown).append(asked.unit),
            own->median <= asked.limit ? state::met : state::not_met};
  }
  const auto found = best_of(asked.case_id, asked.figure, asked.against, runs);
  if (!found) return {asked, "no such rival ran", state::not_measured};
  std::string measured = compared(asked, own->median, *found);
  const auto go = best_of(asked.case_id, asked.figure, reference::go, runs);
  if (asked.against == reference::best && go && go->median < found->median) {
    measured.append("; ").append(compared(asked, own->median, *go));
  }
  const bool reached = own->median <= asked.limit * found->median;
  return {asked, std::move(measured), reached ? state::met : state::not_met};
}

}  // namespace

std::optional<rival> best_of(std::string_view case_id, std::string_view figure, reference among,
                             const std::vector<run_result>& runs) {
  std::optional<rival> best;
  for (const subject_info& subject : all_subjects()) {
    if (!refers_to(among, subject)) continue;
    const auto found = summary_of(runs, case_id, subject.name, figure);
    if (found && (!best || found->median < best->median)) best = rival{subject.name, found->median};
  }
  return best;
}

std::span<const gate> all_gates() {
  using enum reference;
  // clang-format off
  static const std::vector<gate> gates{
    {"A", "ns_per_task", none, 20, 1, "ns", "<= 20 ns"},
    {"A", "ns_per_task", best, 1 / 5.0, 1, "", "5x faster than the best rival"},
    {"B", "ns_per_task", none, 30, 1, "ns", "<= 30 ns"},
    {"B", "ns_per_task", best, 1 / 3.0, 1, "", "3x faster than the best rival"},
    {"C", "ns_per_task", none, 60, 1, "ns", "<= 60 ns"},
    {"C", "ns_per_task", best, 1 / 3.5, 1, "", "3.5x faster than the best rival"},
    {"C1", "ns_per_task", none, 6'000, 1e3, "us", "<= 6 us"},
    {"C1", "ns_per_task", best, 1 / 2.0, 1, "", "2x faster than the best rival"},
    {"D", "ns_per_task", none, 4.5, 1, "ns", "<= 4.5 ns"},
    {"D", "ns_per_task", best, 1 / 4.0, 1, "", "4x faster than the best rival"},
    {"F", "ns_per_task", none, 3.2, 1, "ns", "<= 3.2 ns"},
    {"F", "ns_per_task", best, 1 / 4.0, 1, "", "4x faster than the best rival"},
    {"G", "p50_us", best, 1, 1, "", "p50 <= the best rival's"},
    {"G", "p99_us", best, 1, 1, "", "p99 <= the best rival's"},
    {"H50", "p99_us", best, 1 / 2.0, 1, "", "p99 <= half the best rival's"},
    {"H200", "p99_us", best, 1 / 2.0, 1, "", "p99 <= half the best rival's"},
    {"I", "idle_us_per_s", none, 100, 1, "us/s", "<= 100 us of CPU a second"},
    {"I", "switches", none, 2, 1, "switches", "no ticks: <= 2 switches, 1 our own"},
    {"J3", "ns_per_task", none, 250, 1, "ns", "<= 250 ns"},
    {"J1024", "ns_per_task", none, 30, 1, "ns", "<= 30 ns"},
    {"K", "peak_rss_kib", none, 8 * megabytes, megabytes, "MB", "<= 8 MB"},
    {"K", "grown", none, 1.1, 1, "times", "flat: <= 1.1 times that of 50 k tasks"},
    {"M", "metrics_ns", none, 2, 1, "ns", "metrics cost <= 2 ns on D"},
    {"W1", "ns_per_task", serial, 1.03 / 2, 1, "", "<= 0.515 times the serial time"},
    {"W0r", "ns_per_task", none, 100, 1, "ns", "<= 100 ns"},
    {"W2", "ns_per_task", none, 4'600, 10, "ms/100k", "<= 460 ms"},
    {"W2", "peak_rss_kib", none, 7 * megabytes, megabytes, "MB", "<= 7 MB"},
    {"W3", "ns_per_task", go, 0.63, 1, "", "<= 0.63 times Go's wall time"},
    {"W3", "peak_rss_kib", none, 6 * megabytes, megabytes, "MB", "<= 6 MB"},
  };
  // clang-format on
  return gates;
}

std::vector<verdict> judge(std::span<const gate> gates, const std::vector<std::string>& case_ids,
                           const std::vector<run_result>& runs) {
  std::vector<verdict> verdicts;
  for (const gate& each : gates) {
    if (std::ranges::find(case_ids, each.case_id) != case_ids.end()) {
      verdicts.push_back(judge_one(each, runs));
    }
  }
  return verdicts;
}

}  // namespace bench
