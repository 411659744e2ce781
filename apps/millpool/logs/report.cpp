#include "apps/millpool/logs/report.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <system_error>

namespace millpool::logs {
namespace {

constexpr std::size_t widest_key = 60;  // in a table; a bar wants some room, too
constexpr std::size_t widest_bar = 40;

[[nodiscard]] bool continues(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// Bytes of the character that the text begins with; 0: it is none of UTF-8, or one that is for
// neither a terminal nor XML.
[[nodiscard]] std::size_t character_size(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < size) return 0;
  std::uint32_t code = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(text[i])) return 0;
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0xA0, 0x800, 0x10000};  // below 0xA0: C1 controls
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < least[size] || code > 0x10FFFF || is_surrogate || (code & 0xFFFE) == 0xFFFE) return 0;
  return size;
}

// Characters of UTF-8 text: bytes that continue none.
[[nodiscard]] std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

// At most so many characters, the last of which then says that there were more.
[[nodiscard]] std::string cut_to(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string{text};
  std::size_t end = 0;
  for (std::size_t taken = 0; taken + 1 < width; ++taken) {
    ++end;
    while (end < text.size() && continues(text[end])) ++end;
  }
  return std::string{text.substr(0, end)} + "…";
}

// Eighths of a block, so that small differences show.
[[nodiscard]] std::string bar(double share, std::size_t width) {
  constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto all = static_cast<std::size_t>(std::lround(share * static_cast<double>(width) * 8));
  std::string text;
  for (std::size_t i = 0; i < all / 8; ++i) text += "█";
  return text + eighths[all % 8];
}

[[nodiscard]] std::string shown_value(const answer::row& row) {
  if (!row.digits.empty()) return row.digits;
  return row.value ? show_number(*row.value) : "-";
}

void put_rows(const answer& one, std::size_t columns, std::string& out) {
  std::size_t key_width = 0;
  std::size_t value_width = 0;
  double greatest = 0;
  for (const answer::row& row : one.rows) {
    key_width = std::max(key_width, std::min(width_of(printable(row.key)), widest_key));
    value_width = std::max(value_width, shown_value(row).size());
    if (row.is_count) greatest = std::max(greatest, row.value.value_or(0));
  }
  const std::size_t taken = 2 + key_width + 2 + value_width + 2;
  const std::size_t bar_width = columns > taken + 8 ? std::min(columns - taken - 1, widest_bar) : 0;
  for (const answer::row& row : one.rows) {
    const std::string key = cut_to(printable(row.key), widest_key);
    const std::string value = shown_value(row);
    out += "  " + key + std::string(key_width - width_of(key) + 2, ' ');
    out += std::string(value_width - value.size(), ' ') + value;
    if (bar_width > 0 && row.is_count && greatest > 0) {
      out += "  " + bar(row.value.value_or(0) / greatest, bar_width);
    }
    out += '\n';
  }
}

[[nodiscard]] std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

[[nodiscard]] std::string_view kind_name(question_kind kind) noexcept {
  constexpr std::string_view names[] = {"count-by", "top", "histogram", "percentile", "distinct",
                                        "sum",      "min", "max",       "mean",       "sample"};
  return names[static_cast<std::size_t>(kind)];
}

[[nodiscard]] std::string csv_value(const answer::row& row) {
  if (!row.digits.empty()) return row.digits;
  return row.value ? exact_number(*row.value) : "";
}

// Whole numbers without a point: a count is none that a reader would take for a measurement.
[[nodiscard]] nlohmann::ordered_json json_value(const answer::row& row) {
  if (!row.value) return nullptr;
  std::int64_t whole = 0;
  const char* const end = row.digits.data() + row.digits.size();
  if (const auto read = std::from_chars(row.digits.data(), end, whole);
      read.ec == std::errc{} && read.ptr == end) {
    return whole;
  }
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (std::floor(*row.value) == *row.value && std::abs(*row.value) <= exact) {
    return static_cast<std::int64_t>(*row.value);
  }
  return *row.value;
}

[[nodiscard]] std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

// As CSS pixels; the document scales with its frame.
constexpr int svg_width = 960;
constexpr int svg_margin = 16;
constexpr int svg_row = 18;
constexpr int svg_key = 330;
constexpr int svg_value = 90;
constexpr std::size_t svg_rows = 50;       // of a list of bars
constexpr std::size_t svg_columns = 4000;  // of a histogram: more are no longer seen

[[nodiscard]] std::string svg_label(int x, int y, const char* anchor, std::string_view text) {
  return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" text-anchor=\"" +
         anchor + "\">" + xml_text(printable(text)) + "</text>\n";
}

[[nodiscard]] std::string svg_rect(double x, double y, double width, double height) {
  char text[128];
  std::snprintf(text, sizeof text, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                x, y, width, height);
  return text;
}

// Rows below each other. \return the height.
[[nodiscard]] int svg_bars(const answer& one, double greatest, int top, std::string& out) {
  const std::size_t rows = std::min(one.rows.size(), svg_rows);
  const int bars = svg_width - 2 * svg_margin - svg_key - svg_value - 16;
  for (std::size_t i = 0; i < rows; ++i) {
    const answer::row& row = one.rows[i];
    const int y = top + static_cast<int>(i) * svg_row;
    out += svg_label(svg_margin + svg_key, y + 13, "end", cut_to(printable(row.key), 48));
    out += svg_label(svg_margin + svg_key + 8 + svg_value, y + 13, "end", shown_value(row));
    if (row.is_count && greatest > 0) {
      out += svg_rect(svg_margin + svg_key + svg_value + 16, y + 3,
                      bars * row.value.value_or(0) / greatest, svg_row - 5);
    }
  }
  if (rows < one.rows.size()) {
    out += svg_label(svg_margin + svg_key, top + static_cast<int>(rows) * svg_row + 13, "end",
                     std::to_string(one.rows.size() - rows) + " more");
    return static_cast<int>(rows + 1) * svg_row;
  }
  return static_cast<int>(rows) * svg_row;
}

// Columns beside each other, by time: where no line came there is none. Several buckets share one
// where there are too many.
[[nodiscard]] int svg_histogram(const answer& one, int top, std::string& out) {
  constexpr int height = 200;
  std::vector<const answer::row*> buckets;  // all rows but (other)
  for (const answer::row& row : one.rows) {
    if (row.begin) buckets.push_back(&row);
  }
  if (buckets.empty()) return 0;
  const unix_ms from = *buckets.front()->begin;
  const auto place = [&](const answer::row& row) {
    return static_cast<std::size_t>((*row.begin - from) / one.unit);
  };
  const std::size_t all = place(*buckets.back()) + 1;
  const std::size_t share = (all + svg_columns - 1) / svg_columns;
  std::vector<double> heights((all + share - 1) / share);
  for (const answer::row* const bucket : buckets) {
    double& column = heights[place(*bucket) / share];
    column = std::max(column, bucket->value.value_or(0));
  }
  const double greatest = *std::max_element(heights.begin(), heights.end());
  const double width =
      static_cast<double>(svg_width - 2 * svg_margin) / static_cast<double>(heights.size());
  for (std::size_t i = 0; i < heights.size(); ++i) {
    if (heights[i] == 0) continue;
    const double h = (height - 20) * heights[i] / greatest;
    out += svg_rect(svg_margin + width * static_cast<double>(i), top + height - h,
                    std::max(width - (width > 4 ? 1 : 0), 0.3), h);
  }
  out += svg_label(svg_margin, top + 10, "start", "at most " + show_number(greatest));
  out += svg_label(svg_margin, top + height + 16, "start", buckets.front()->key);
  out += svg_label(svg_width - svg_margin, top + height + 16, "end", buckets.back()->key);
  return height + 22;
}

}  // namespace

report report_of(const findings& found) {
  return {.lines = found.lines(),
          .malformed = found.malformed(),
          .selected = found.selected(),
          .bytes = found.bytes(),
          .answers = found.answers()};
}

std::string show_number(double value) {
  if (std::floor(value) == value) return exact_number(value);
  const int before_point = static_cast<int>(std::log10(std::abs(value))) + 1;
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", std::max(6, before_point + 2), value);
  return text;
}

std::string exact_number(double value) {
  constexpr double in_full = 1e18;  // whole numbers below this, also where that is longer
  char text[64];
  const bool is_whole = std::floor(value) == value && std::abs(value) < in_full;
  const auto written = is_whole
                           ? std::to_chars(text, std::end(text), static_cast<std::int64_t>(value))
                           : std::to_chars(text, std::end(text), value);
  return {text, written.ptr};
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size > 0) {
      out += text.substr(0, size);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(text.front())));
      out += escape;
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string as_table(const report& all, std::size_t columns) {
  std::string out = std::to_string(all.lines) + (all.lines == 1 ? " line" : " lines");
  if (all.filters) out += ", " + std::to_string(all.selected) + " selected";
  if (all.malformed > 0) out += ", " + std::to_string(all.malformed) + " malformed";
  out += '\n';
  for (const answer& one : all.answers) {
    out += "\n" + one.title;
    for (std::size_t i = 0; i < one.notes.size(); ++i) out += (i == 0 ? " (" : "; ") + one.notes[i];
    out += one.notes.empty() ? "\n" : ")\n";
    if (one.kind == question_kind::sample) {
      for (const answer::row& row : one.rows) out += "  " + printable(row.key) + "\n";
    } else {
      put_rows(one, columns, out);
    }
  }
  return out;
}

std::string as_json(const report& all) {
  nlohmann::ordered_json out;
  out["lines"] = all.lines;
  out["selected"] = all.selected;
  out["malformed"] = all.malformed;
  out["bytes"] = all.bytes;
  out["answers"] = nlohmann::ordered_json::array();
  for (const answer& one : all.answers) {
    nlohmann::ordered_json made;
    made["answer"] = kind_name(one.kind);
    made["field"] = one.field;
    made["rows"] = nlohmann::ordered_json::array();
    for (const answer::row& row : one.rows) {
      nlohmann::ordered_json each;
      each["key"] = row.key;
      if (one.kind != question_kind::sample) each["value"] = json_value(row);
      made["rows"].push_back(std::move(each));
    }
    made["notes"] = one.notes;
    out["answers"].push_back(std::move(made));
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_csv(const report& all) {
  std::string out = "answer,field,key,value\n";
  const auto total = [&](const char* name, std::uint64_t value) {
    out += std::string("total,,") + name + "," + std::to_string(value) + "\n";
  };
  total("lines", all.lines);
  total("selected", all.selected);
  total("malformed", all.malformed);
  for (const answer& one : all.answers) {
    for (const answer::row& row : one.rows) {
      out += std::string(kind_name(one.kind)) + "," + csv_field(one.field) + "," +
             csv_field(row.key) + "," + csv_value(row) + "\n";
    }
  }
  return out;
}

std::string as_svg(const report& all) {
  std::string body;
  int y = svg_margin;
  for (const answer& one : all.answers) {
    if (one.rows.empty() || one.kind == question_kind::sample) continue;
    double greatest = 0;
    for (const answer::row& row : one.rows) greatest = std::max(greatest, row.value.value_or(0));
    body += "<g class=\"title\">" + svg_label(svg_margin, y + 14, "start", one.title) + "</g>\n";
    y += 24;
    y += one.kind == question_kind::histogram ? svg_histogram(one, y, body)
                                              : svg_bars(one, greatest, y, body);
    y += svg_margin;
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + std::to_string(svg_width) +
         " " + std::to_string(y) +
         "\" font-family=\"sans-serif\" font-size=\"12\">\n"
         "<style>rect{fill:#3b7ea1}.title{font-weight:bold;font-size:14px}</style>\n"
         "<path d=\"M0 0H" +
         std::to_string(svg_width) + "V" + std::to_string(y) + "H0z\" fill=\"#fff\"/>\n" + body +
         "</svg>\n";
}

}  // namespace millpool::logs
