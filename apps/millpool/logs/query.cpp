#include "apps/millpool/logs/query.hpp"

#include "apps/millpool/logs/answerer.hpp"
#include "apps/millpool/logs/text_scan.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace millpool::logs {
namespace {

constexpr std::string_view whole_line = "@line";
constexpr std::size_t shown_bytes = 100;  // of a malformed line

[[nodiscard]] std::string_view unit_name(unix_ms unit) noexcept {
  constexpr unix_ms minute = 60'000;
  if (unit == 1000) return "second";
  if (unit == minute) return "minute";
  if (unit == 60 * minute) return "hour";
  if (unit == 24 * 60 * minute) return "day";
  return "time";
}

[[nodiscard]] std::string title_of(const question& asked) {
  switch (asked.kind) {
    case question_kind::count_by:
      return "lines by " + asked.field;
    case question_kind::top:
      return "top " + std::to_string(asked.count) + " " + asked.field;
    case question_kind::histogram:
      return "lines by " + std::string(unit_name(asked.unit));
    case question_kind::percentile:
      return "percentiles of " + asked.field;
    case question_kind::distinct:
      return "distinct " + asked.field;
    case question_kind::sum:
      return "sum of " + asked.field;
    case question_kind::min:
      return "min of " + asked.field;
    case question_kind::max:
      return "max of " + asked.field;
    case question_kind::mean:
      return "mean of " + asked.field;
    case question_kind::sample:
      break;
  }
  return "a sample of lines";
}

[[nodiscard]] std::string_view without_return(std::string_view line) noexcept {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

void print(std::string_view line, std::string& printed) {
  printed += line;
  printed += '\n';
}

}  // namespace

// ---- query

std::size_t query::place_for(const std::string& field) {
  if (field == whole_line) return 0;
  const auto found = std::find(fields_.begin(), fields_.end(), field);
  const auto at = static_cast<std::size_t>(found - fields_.begin());
  if (found == fields_.end()) fields_.push_back(field);
  return at + 1;
}

std::expected<std::unique_ptr<query>, std::string> query::make(
    query_options options, const line_format& format, const std::vector<std::string>& sample) {
  std::unique_ptr<query> made{new query};
  made->format_ = format;
  if (options.time_field.empty()) options.time_field = usual_time_field(format, sample);
  if (!options.where.empty()) {
    auto where = filter::parse(options.where, options.time_field, options.year);
    if (!where) return std::unexpected("--where: " + where.error());
    for (const std::string& field : where->fields())
      made->filter_places_.push_back(made->place_for(field));
    made->where_ = std::move(*where);
  }
  if (options.match) {
    auto match = line_matcher::make(*options.match);
    if (!match) return std::unexpected("--match: " + match.error());
    made->match_ = std::move(*match);
  }
  for (question& each : options.questions) {
    if (each.kind == question_kind::histogram) each.field = options.time_field;
    if (each.kind == question_kind::sample) each.field = whole_line;
    made->places_.push_back(made->place_for(each.field));
    const bool groups = each.kind == question_kind::count_by || each.kind == question_kind::top ||
                        each.kind == question_kind::histogram;
    made->names_.push_back(std::make_unique<group_names>(groups ? options.max_groups : 0));
  }
  made->options_ = std::move(options);
  if (const auto parser = make_parser(format, made->fields_); !parser) {
    return std::unexpected(parser.error());
  }
  return made;
}

std::string query::fingerprint() const {
  archive_writer text;
  text.put(std::string_view{"query 1"});
  text.put(to_string(format_.kind));
  text.put(std::string_view{format_.pattern});
  text.put(format_.delimiter);
  for (const std::string& column : format_.columns) text.put(std::string_view{column});
  for (const question& each : options_.questions) {
    text.put(static_cast<unsigned>(each.kind));
    text.put(std::string_view{each.field});
    text.put<std::uint64_t>(each.count);
    text.put(each.unit);
    for (const double percent : each.percents) text.put(percent);
  }
  text.put(std::string_view{options_.where});
  text.put(std::string_view{options_.time_field});
  text.put<std::uint64_t>(options_.max_groups);
  text.put(options_.seed);
  return text.text();
}

// ---- findings

findings::findings(const query& asked)
    : asked_{asked},
      where_{asked.where() ? &*asked.where() : nullptr},
      match_{asked.match() ? &*asked.match() : nullptr},
      parser_{std::move(*make_parser(asked.format(), asked.fields()))},
      times_{asked.options().year},
      values_(asked.fields().size() + 1),
      filter_values_(asked.filter_places().size()),
      first_malformed_{query::shown_malformed} {
  const auto& questions = asked.options().questions;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    questions_.push_back(
        {make_answerer(questions[i], asked.names_of(i), asked.options().seed), asked.place_of(i)});
  }
}

findings::~findings() = default;

void findings::take(std::string_view lines, line_place place, std::string& printed) {
  bytes_ += lines.size();
  if (asked_.only_matches()) {
    match_only(lines, printed);
    return;
  }
  const char* const begin = lines.data();
  const char* const end = begin + lines.size();
  for (const char* at = begin; at < end;) {
    const char* const line_end = find_line_end(at, end);
    const std::string_view line = without_return(between(at, line_end));
    if (!line.empty()) {
      take_line(line, {place.input, place.offset + static_cast<std::uint64_t>(at - begin)},
                printed);
    }
    at = line_end + 1;
  }
}

void findings::match_only(std::string_view lines, std::string& printed) {
  const char* const end = lines.data() + lines.size();
  for (const char* at = lines.data(); at < end;) {
    const std::string_view line = asked_.match()->next_line(at, end);
    if (line.empty()) return;
    ++selected_;
    printed += line;
    if (!line.ends_with('\n')) printed += '\n';
    at = line.data() + line.size();
  }
}

void findings::take_line(std::string_view line, line_place place, std::string& printed) {
  ++lines_;
  const bool prints = match_ != nullptr && match_->matches(line);
  // What is malformed has no fields to filter by, and is a line all the same.
  if (prints && where_ == nullptr) print(line, printed);
  if (!parser_->parse(line, std::span{values_}.subspan(1))) [[unlikely]] {
    ++malformed_;
    if (first_malformed_.wants(place)) {
      first_malformed_.add(place, place, line.substr(0, shown_bytes));
    }
    return;
  }
  values_[0] = line;
  if (where_ != nullptr) {
    if (!is_selected()) return;
    if (prints) print(line, printed);
  }
  ++selected_;
  for (const asking& each : questions_) {
    each.by->take({values_[each.place], line, place}, times_);
  }
}

bool findings::is_selected() {
  const auto& places = asked_.filter_places();
  for (std::size_t i = 0; i < places.size(); ++i) filter_values_[i] = values_[places[i]];
  return where_->matches(filter_values_, times_);
}

void findings::take_overlong(line_place place, std::string_view begin) {
  ++lines_;
  ++malformed_;
  first_malformed_.add(place, place, begin.substr(0, shown_bytes));
}

void findings::merge(const findings& other) {
  lines_ += other.lines_;
  malformed_ += other.malformed_;
  selected_ += other.selected_;
  bytes_ += other.bytes_;
  first_malformed_.merge(other.first_malformed_);
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    questions_[i].by->merge(*other.questions_[i].by);
  }
}

void findings::save(archive_writer& out) const {
  for (const std::uint64_t count : {lines_, malformed_, selected_, bytes_}) out.put(count);
  out.put<std::uint64_t>(first_malformed_.lines().size());
  for (const auto& each : first_malformed_.lines()) {
    out.put(each.place.input);
    out.put(each.place.offset);
    out.put(std::string_view{each.text});
  }
  for (const asking& each : questions_) each.by->save(out);
}

void findings::load(archive_reader& in) {
  for (std::uint64_t* count : {&lines_, &malformed_, &selected_, &bytes_}) {
    *count += in.get<std::uint64_t>();
  }
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    line_place place;
    place.input = in.get_input();
    place.offset = in.get<std::uint64_t>();
    first_malformed_.add(place, place, in.get_text());
  }
  for (const asking& each : questions_) each.by->load(in);
}

std::vector<answer> findings::answers() const {
  std::vector<answer> out;
  const auto& questions = asked_.options().questions;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    answer made{.kind = questions[i].kind,
                .title = title_of(questions[i]),
                .field = questions[i].field,
                .rows = {},
                .notes = {}};
    questions_[i].by->tell(questions[i], made);
    out.push_back(std::move(made));
  }
  return out;
}

}  // namespace millpool::logs
