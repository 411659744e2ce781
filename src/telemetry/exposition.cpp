#include "millpool/telemetry/exposition.hpp"

#include "millpool/base/assert.hpp"
#include "millpool/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

// The formats: https://prometheus.io/docs/instrumenting/exposition_formats and
// https://prometheus.io/docs/specs/om/open_metrics_spec.

namespace millpool {
namespace {

// What the text up to `separator` is, which is taken off, as that is.
std::string_view next_part(std::string_view& text, char separator) noexcept {
  const std::size_t at = text.find(separator);
  std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  const auto is_blank = [](char each) { return each == ' ' || each == '\t'; };
  while (!part.empty() && is_blank(part.front())) part.remove_prefix(1);
  while (!part.empty() && is_blank(part.back())) part.remove_suffix(1);
  return part;
}

bool same_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char each) {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// One of the Accept header's ranges: "text/plain;version=0.0.4;q=0.5".
struct media_range {
  explicit media_range(std::string_view text) noexcept : type{next_part(text, ';')} {
    while (!text.empty()) {
      std::string_view value = next_part(text, ';');
      const std::string_view name = next_part(value, '=');
      if (same_ignoring_case(name, "version")) version = value;
      if (same_ignoring_case(name, "q")) {
        const char* const end = std::to_address(value.end());
        const auto read =
            std::from_chars(std::to_address(value.begin()), end, quality, std::chars_format::fixed);
        if (read.ptr != end || !(quality >= 0.0 && quality <= 1.0)) quality = 0.0;
      }
    }
    if (version.size() > 1 && version.front() == '"' && version.back() == '"') {
      version = version.substr(1, version.size() - 2);
    }
  }

  std::string_view type;
  std::string_view version{};
  double quality = 1.0;
};

constexpr int first_bound = 10;  // 2^10 ns; the last is 2^36 ns
constexpr std::size_t bounds = 27;

}  // namespace

metrics_format choose_metrics_format(std::string_view accept) noexcept {
  double open = 0.0;
  std::optional<double> text;
  double any = 0.0;  // where text is not named
  while (!accept.empty()) {
    const media_range range{next_part(accept, ',')};
    const bool is_ours =
        range.version.empty() || range.version == "1.0.0" || range.version == "0.0.1";
    if (same_ignoring_case(range.type, "application/openmetrics-text") && is_ours) {
      open = std::max(open, range.quality);
    } else if (same_ignoring_case(range.type, "text/plain")) {
      text = std::max(text.value_or(0.0), range.quality);
    } else if (range.type == "*/*" || same_ignoring_case(range.type, "text/*")) {
      any = std::max(any, range.quality);
    }
  }
  return open > 0.0 && open >= text.value_or(any) ? metrics_format::openmetrics
                                                  : metrics_format::prometheus;
}

std::string_view content_type(metrics_format format) noexcept {
  return format == metrics_format::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void exposition::family(std::string_view name, metric_type type, std::string_view help,
                        std::string_view unit) {
  static constexpr std::array<std::string_view, 4> types{"gauge", "counter", "histogram", "info"};
  MILLPOOL_ASSERT(unit.empty() || name.ends_with(unit), "a name ends with its unit");
  type_ = type;
  name_ = name;
  const bool is_open = format_ == metrics_format::openmetrics;
  if (!is_open && type == metric_type::counter) name_ += "_total";
  if (!is_open && type == metric_type::info) name_ += "_info";
  const std::string_view told =
      !is_open && type == metric_type::info ? types[0] : types[static_cast<std::size_t>(type)];
  page_.append("# HELP ").append(name_).append(" ");
  append_text(help, is_open);
  page_.append("\n# TYPE ").append(name_).append(" ").append(told).append("\n");
  if (is_open && !unit.empty()) {
    page_.append("# UNIT ").append(name_).append(" ").append(unit).append("\n");
  }
  if (is_open && type == metric_type::counter) name_ += "_total";
  if (is_open && type == metric_type::info) name_ += "_info";
}

void exposition::value(labels of, double number) {
  begin_sample({}, of);
  append(number);
  page_ += '\n';
}

void exposition::value(labels of, std::uint64_t number) {
  begin_sample({}, of);
  page_.append(std::to_string(number)).append("\n");
}

void exposition::histogram(labels of, const histogram_snapshot& times) {
  std::uint64_t below = 0;
  std::size_t bucket = 0;
  for (std::size_t i = 0; i < bounds; ++i) {
    // A time is cut to whole nanoseconds: so what is below the bound here was at most the bound.
    const std::uint64_t bound = 1ULL << (static_cast<std::size_t>(first_bound) + i);
    while (histogram_layout::first_ns(bucket) < bound) below += times.in_bucket(bucket++);
    std::array<char, 32> text;
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(bound) / 1e9);
    begin_sample("_bucket", of, {text.data(), static_cast<std::size_t>(end.ptr - text.data())});
    page_.append(std::to_string(below)).append("\n");
  }
  begin_sample("_bucket", of, "+Inf");
  page_.append(std::to_string(times.count())).append("\n");
  begin_sample("_sum", of);
  append(static_cast<double>(times.sum().count()) / 1e9);
  page_ += '\n';
  begin_sample("_count", of);
  page_.append(std::to_string(times.count())).append("\n");
}

std::string exposition::finish() && {
  if (format_ == metrics_format::openmetrics) page_ += "# EOF\n";
  return std::move(page_);
}

// \param  bound  of a bucket; empty: it is none.
void exposition::begin_sample(std::string_view suffix, labels of, std::string_view bound) {
  page_.append(name_).append(suffix);
  char before = '{';
  const auto begin_label = [&](std::string_view name) {
    page_ += std::exchange(before, ',');
    page_.append(name).append("=\"");
  };
  for (const metric_label& each : of) {
    begin_label(each.name);
    append_text(each.value, true);
    page_ += '"';
  }
  if (!bound.empty()) {
    begin_label("le");
    page_.append(bound).append("\"");
  }
  if (before == ',') page_ += '}';
  page_ += ' ';
}

void exposition::append(double number) {
  if (std::isinf(number)) {
    page_ += number > 0 ? "+Inf" : "-Inf";
  } else if (std::isnan(number)) {
    page_ += "NaN";
  } else {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
    page_.append(text.data(), end.ptr);
  }
}

// \param  quoted  a quote is escaped, too.
void exposition::append_text(std::string_view text, bool quoted) {
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) {
      page_ += "\xEF\xBF\xBD";
    } else if (text.front() == '\n') {
      page_ += "\\n";
    } else {
      if (text.front() == '\\' || (quoted && text.front() == '"')) page_ += '\\';
      page_.append(text.substr(0, size));
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
}

}  // namespace millpool
