#include "apps/millpool/logs/line_format.hpp"

#include "apps/millpool/logs/text_scan.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace millpool::logs {
namespace {

[[nodiscard]] std::string listed(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

[[nodiscard]] std::vector<std::string> owned(std::span<const std::string_view> names) {
  return {names.begin(), names.end()};
}

// The places of `fields` among `names`.
[[nodiscard]] std::expected<std::vector<std::size_t>, std::string> places_among(
    const std::vector<std::string>& fields, const std::vector<std::string>& names,
    format_kind kind) {
  std::vector<std::size_t> which;
  for (const std::string& field : fields) {
    const auto found = std::find(names.begin(), names.end(), field);
    if (found == names.end()) {
      return std::unexpected("format " + std::string(to_string(kind)) + " has no field '" + field +
                             "'; it has: " + listed(names));
    }
    which.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return which;
}

[[nodiscard]] std::string_view unpadded(const std::string& line) {
  return std::string_view{line}.substr(0, line.size() - scan_padding);
}

[[nodiscard]] std::size_t count_fitting(const line_format& format,
                                        const std::vector<std::string>& sample) {
  const auto parser = make_parser(format, {});
  if (!parser) return 0;
  return static_cast<std::size_t>(
      std::count_if(sample.begin(), sample.end(),
                    [&](const std::string& line) { return (*parser)->parse(unpadded(line), {}); }));
}

// Where common lines fit the combined format they are common, unless some have its two last fields.
[[nodiscard]] bool has_quoted_end(const std::vector<std::string>& sample) {
  return std::any_of(sample.begin(), sample.end(), [](const std::string& line) {
    return line.find("\" \"") != std::string::npos;
  });
}

// Two columns at least, and all lines that are whole have as many.
[[nodiscard]] std::optional<line_format> guess_csv(const std::vector<std::string>& sample) {
  for (const char delimiter : {',', '\t', ';'}) {
    const auto columns = csv_columns(unpadded(sample.front()), delimiter);
    if (columns && columns->size() >= 2) {
      return line_format{
          .kind = format_kind::csv, .pattern = {}, .delimiter = delimiter, .columns = *columns};
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(format_kind kind) noexcept {
  switch (kind) {
    case format_kind::combined:
      return "combined";
    case format_kind::common:
      return "common";
    case format_kind::json:
      return "json";
    case format_kind::logfmt:
      return "logfmt";
    case format_kind::syslog:
      return "syslog";
    case format_kind::csv:
      return "csv";
    case format_kind::pattern:
      break;
  }
  return "pattern";
}

std::expected<std::unique_ptr<line_parser>, std::string> make_parser(
    const line_format& format, const std::vector<std::string>& fields) {
  const auto with_places =
      [&](const std::vector<std::string>& names,
          auto make) -> std::expected<std::unique_ptr<line_parser>, std::string> {
    auto which = places_among(fields, names, format.kind);
    if (!which) return std::unexpected(which.error());
    return make(std::move(*which));
  };
  switch (format.kind) {
    case format_kind::combined:
    case format_kind::common:
      return with_places(owned(access_fields()), [&](auto which) {
        return make_access_parser(std::move(which), format.kind == format_kind::combined);
      });
    case format_kind::syslog:
      return with_places(owned(syslog_fields()),
                         [](auto which) { return make_syslog_parser(std::move(which)); });
    case format_kind::csv:
      return with_places(format.columns, [&](auto which) {
        return make_csv_parser(std::move(which), format.columns.size(), format.delimiter);
      });
    case format_kind::json:
      return make_json_parser(fields);
    case format_kind::logfmt:
      return make_logfmt_parser(fields);
    case format_kind::pattern:
      break;
  }
  const auto names = pattern_fields(format.pattern);
  if (!names) return std::unexpected(names.error());
  return with_places(
      *names, [&](auto which) { return make_pattern_parser(format.pattern, std::move(which)); });
}

std::string usual_time_field(const line_format& format, const std::vector<std::string>& sample) {
  constexpr std::array usual{"time", "timestamp", "@timestamp", "ts", "datetime", "date", "t"};
  if (format.kind == format_kind::csv || format.kind == format_kind::pattern) {
    const auto names = format.kind == format_kind::csv
                           ? format.columns
                           : pattern_fields(format.pattern).value_or(std::vector<std::string>{});
    for (const char* name : usual) {
      if (std::find(names.begin(), names.end(), name) != names.end()) return name;
    }
  }
  if (format.kind == format_kind::json || format.kind == format_kind::logfmt) {
    for (const char* name : usual) {
      const auto parser = make_parser(format, {name});
      std::string_view value;
      for (const std::string& line : sample) {
        if ((*parser)->parse(unpadded(line), {&value, 1}) && value.data() != nullptr) return name;
      }
    }
  }
  return "time";
}

std::optional<guess> guess_format(const std::vector<std::string>& sample) {
  if (sample.empty()) return std::nullopt;
  std::optional<guess> best;
  // In this order, since the later ones also fit lines of the earlier.
  std::vector<line_format> candidates{
      {.kind = has_quoted_end(sample) ? format_kind::combined : format_kind::common,
       .pattern = {},
       .columns = {}},
      {.kind = format_kind::json, .pattern = {}, .columns = {}},
      {.kind = format_kind::syslog, .pattern = {}, .columns = {}},
      {.kind = format_kind::logfmt, .pattern = {}, .columns = {}}};
  if (auto csv = guess_csv(sample)) candidates.push_back(std::move(*csv));
  for (line_format& candidate : candidates) {
    const std::size_t fitting = count_fitting(candidate, sample);
    if (fitting * 2 < sample.size() || (best && fitting <= best->fitting)) continue;
    best = guess{.format = std::move(candidate), .fitting = fitting};
  }
  return best;
}

std::string padded(std::string_view line) {
  std::string text{line};
  text.append(scan_padding, '\0');
  return text;
}

}  // namespace millpool::logs
