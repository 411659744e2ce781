#include "bench/pool/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace bench {

namespace {

struct bar {
  std::string_view case_id;
  std::string_view title;  // empty: the same case as the bar above
  std::string_view subject;
  double nanoseconds;
};

std::vector<bar> bars_of(const std::vector<run_result>& runs) {
  std::vector<bar> bars;
  for (const case_info& which : all_cases()) {
    bool first = true;
    for (const subject_info& subject : all_subjects()) {
      const auto found = summary_of(runs, which.id, subject.name, "ns_per_task");
      if (!found || found->median <= 0) continue;
      bars.push_back({which.id, first ? which.title : "", subject.name, found->median});
      first = false;
    }
  }
  return bars;
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view words) {
  std::array<char, 96> place{};
  (void)std::snprintf(place.data(), place.size(), "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"", x,
                      y);
  return place.data() + std::string{anchor} + "\">" + escaped(words) + "</text>\n";
}

/// Three digits, in the unit that needs no exponent.
std::string rounded(double nanoseconds) {
  constexpr std::array<std::string_view, 4> units{" ns", " us", " ms", " s"};
  std::size_t unit = 0;
  for (; nanoseconds >= 999.5 && unit + 1 < units.size(); ++unit) nanoseconds /= 1000;
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%.3g", nanoseconds);
  return std::string{text.data()}.append(units[unit]);
}

constexpr double left_edge = 110;
constexpr double width = 620;
constexpr double row_height = 16;
constexpr double head_height = 26;

}  // namespace

std::string plot(const std::vector<run_result>& runs, const std::string& caption) {
  const std::vector<bar> bars = bars_of(runs);
  double least = 1e300;
  double most = 1;
  double height = 60;
  for (const bar& each : bars) {
    least = std::min(least, each.nanoseconds);
    most = std::max(most, each.nanoseconds);
    height += row_height + (each.title.empty() ? 0 : head_height);
  }
  if (bars.empty()) least = 1;
  // Whole decades, so that every grid line has a round name.
  const double low = std::floor(std::log10(least) - 0.01);
  const double high = std::max(std::ceil(std::log10(most)), low + 1);
  const auto x_of = [&](double ns) {
    return left_edge + width * (std::log10(ns) - low) / (high - low);
  };

  std::array<char, 256> line{};
  (void)std::snprintf(line.data(), line.size(),
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                      "font-family=\"sans-serif\" font-size=\"11\">\n",
                      left_edge + width + 90, height);
  std::string svg = line.data();
  svg += "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  svg += text_at(10, 16, "start", caption);
  for (double decade = low; decade <= high; ++decade) {
    const double x = x_of(std::pow(10, decade));
    (void)std::snprintf(line.data(), line.size(),
                        "<line x1=\"%.1f\" y1=\"36\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"#ddd\"/>\n",
                        x, x, height - 10);
    svg += line.data();
    svg += text_at(x, 32, "middle", rounded(std::pow(10, decade)));
  }
  double y = 40;
  for (const bar& each : bars) {
    if (!each.title.empty()) {
      y += head_height;
      svg +=
          text_at(10, y - 8, "start", std::string{each.case_id} + ": " + std::string{each.title});
    }
    svg += text_at(left_edge - 6, y + 11, "end", each.subject);
    const double end = x_of(each.nanoseconds);
    (void)std::snprintf(line.data(), line.size(),
                        "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.1f\" height=\"12\" fill=\"%s\"/>\n",
                        left_edge, y + 1, std::max(end - left_edge, 1.0),
                        each.subject == own_name ? "#c0392b" : "#7f9db9");
    svg += line.data();
    svg += text_at(end + 4, y + 11, "start", rounded(each.nanoseconds));
    y += row_height;
  }
  return svg + "</svg>\n";
}

}  // namespace bench
