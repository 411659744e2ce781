#include "apps/millpool/logs/answerer.hpp"

#include "apps/millpool/logs/hash.hpp"
#include "apps/millpool/logs/hyperloglog.hpp"
#include "apps/millpool/logs/number.hpp"
#include "apps/millpool/logs/summary.hpp"
#include "apps/millpool/logs/value_counts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

namespace millpool::logs {
namespace {

[[nodiscard]] std::string lines_without(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + (count == 1 ? " line without " : " lines without ") + what;
}

[[nodiscard]] std::string of_values(std::uint64_t count) {
  return "of " + std::to_string(count) + (count == 1 ? " value" : " values");
}

[[nodiscard]] std::string show_percent(double percent) {
  char text[32];
  std::snprintf(text, sizeof text, "p%g", percent);
  return text;
}

[[nodiscard]] double as_value(std::uint64_t count) noexcept { return static_cast<double>(count); }

// What all kinds have that look at one field. `Kind` is the one that derives.
template <class Kind>
class of_one_field : public answerer {
 public:
  void merge(const answerer& other) final {
    // The caller says that both are of one question.
    const auto& same = static_cast<const Kind&>(other);
    without_ += same.without_;
    static_cast<Kind&>(*this).collected_.merge(same.collected_);
  }
  void save(archive_writer& out) const final {
    out.put(without_);
    static_cast<const Kind&>(*this).collected_.save(out);
  }
  void load(archive_reader& in) final {
    without_ += in.get<std::uint64_t>();
    static_cast<Kind&>(*this).collected_.load(in);
  }

 protected:
  void note_without(answer& into, const std::string& what) const {
    if (without_ > 0) into.notes.push_back(lines_without(without_, what));
  }
  std::uint64_t without_ = 0;  // lines that had no such value

 private:
  friend Kind;
  of_one_field() = default;
};

// --count-by, --top
class grouping final : public of_one_field<grouping> {
 public:
  explicit grouping(group_names& names) : collected_{names} {}

  void take(const line& one, time_reader& /*times*/) override {
    if (one.value.data() == nullptr) {
      ++without_;
    } else {
      collected_.add(one.value);
    }
  }

  void tell(const question& asked, answer& into) const override {
    auto groups = collected_.groups();
    std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    const std::uint64_t other = collected_.other();
    if (asked.kind == question_kind::top && groups.size() > asked.count) {
      into.notes.push_back("of " + std::to_string(groups.size()) + " groups");
      groups.resize(asked.count);
    }
    for (const auto& [key, lines] : groups) {
      into.rows.push_back({.key = std::string{key}, .value = as_value(lines), .is_count = true});
    }
    if (other > 0) {
      into.rows.push_back({.key = "(other)", .value = as_value(other), .is_count = true});
      into.notes.emplace_back(
          "(other): the lines of groups beyond --max-groups, or 256 bytes a group");
      if (asked.kind == question_kind::top && !groups.empty() && groups.back().second < other) {
        into.notes.emplace_back("a group among (other) may belong here: raise --max-groups");
      }
    }
    note_without(into, asked.field);
  }

 private:
  friend of_one_field;
  group_counts collected_;
};

// --histogram
class histogram final : public of_one_field<histogram> {
 public:
  histogram(group_names& names, unix_ms unit) : collected_{names}, unit_{unit} {}

  void take(const line& one, time_reader& times) override {
    const auto time = one.value.data() != nullptr ? times.read(one.value) : std::nullopt;
    if (!time) {
      ++without_;
      return;
    }
    // A bucket's begin; also of times before 1970.
    const unix_ms within = *time % unit_;
    collected_.add(*time - (within < 0 ? within + unit_ : within));
  }

  void tell(const question& asked, answer& into) const override {
    std::vector<std::pair<unix_ms, std::uint64_t>> buckets;
    for (const auto& [key, lines] : collected_.groups()) {
      unix_ms begin = 0;
      std::memcpy(&begin, key.data(), sizeof begin);
      buckets.emplace_back(begin, lines);
    }
    std::sort(buckets.begin(), buckets.end());
    into.unit = unit_;
    for (const auto& [begin, lines] : buckets) {
      into.rows.push_back({.key = show_time(begin, unit_),
                           .value = as_value(lines),
                           .is_count = true,
                           .begin = begin});
    }
    if (collected_.other() > 0) {
      into.rows.push_back(
          {.key = "(other)", .value = as_value(collected_.other()), .is_count = true});
      into.notes.emplace_back("(other): the lines of times beyond --max-groups");
    }
    note_without(into, "a time in " + asked.field);
  }

 private:
  friend of_one_field;
  group_counts collected_;
  unix_ms unit_;
};

// --percentile; and --sum, --min, --max, --mean
template <class Collected>
class of_numbers final : public of_one_field<of_numbers<Collected>> {
 public:
  void take(const answerer::line& one, time_reader& /*times*/) override {
    const auto value = one.value.data() != nullptr ? parse_number(one.value) : std::nullopt;
    if (value) {
      collected_.add(*value);
    } else {
      ++this->without_;
    }
  }

  void tell(const question& asked, answer& into) const override {
    rows(asked, collected_, into);
    this->note_without(into, "a number in " + asked.field);
  }

 private:
  friend of_one_field<of_numbers>;

  static void rows(const question& asked, const value_counts& counts, answer& into) {
    const auto found = counts.percentiles(asked.percents);
    for (std::size_t i = 0; i < found.size(); ++i) {
      into.rows.push_back({.key = show_percent(asked.percents[i]), .value = found[i]});
    }
    into.notes.push_back(of_values(counts.count()) + ", " +
                         (counts.is_exact() ? "exact" : "within 0.4 %"));
  }

  static void rows(const question& asked, const summary& found, answer& into) {
    std::optional<double> value;
    if (asked.kind == question_kind::sum) {
      value = found.sum();
    } else if (found.count() > 0) {
      value = asked.kind == question_kind::min   ? found.least()
              : asked.kind == question_kind::max ? found.greatest()
                                                 : found.mean();
    }
    into.rows.push_back({.key = asked.field, .value = value});
    if (asked.kind == question_kind::sum) into.rows.back().digits = found.large_sum();
    into.notes.push_back(of_values(found.count()));
  }

  Collected collected_;
};

// --distinct
class distinct final : public of_one_field<distinct> {
 public:
  void take(const line& one, time_reader& /*times*/) override {
    if (one.value.data() == nullptr) {
      ++without_;
    } else {
      collected_.add(hash_of(one.value));
    }
  }

  void tell(const question& asked, answer& into) const override {
    const double estimate = std::round(collected_.estimate());
    into.rows.push_back({.key = asked.field, .value = estimate});
    char note[80];
    std::snprintf(note, sizeof note, "estimated: within %.1f %% nineteen times of twenty",
                  2 * hyperloglog::standard_error * 100);
    into.notes.emplace_back(note);
    note_without(into, asked.field);
  }

 private:
  friend of_one_field;
  hyperloglog collected_;
};

// --sample
class sampling final : public answerer {
 public:
  sampling(std::size_t count, std::uint64_t seed) : seed_{seed}, kept_{count} {}

  void take(const line& one, time_reader& /*times*/) override {
    const std::array<std::uint64_t, 3> of{seed_, one.place.input, one.place.offset};
    const std::uint64_t rank = XXH3_64bits(of.data(), sizeof of);
    if (kept_.wants(rank)) kept_.add(rank, one.place, one.text.substr(0, most_bytes + 1));
  }
  void merge(const answerer& other) override {
    kept_.merge(static_cast<const sampling&>(other).kept_);
  }
  void save(archive_writer& out) const override {
    const auto lines = kept_.lines();
    out.put<std::uint64_t>(lines.size());
    for (const auto& [rank, place, text] : lines) {
      out.put(rank);
      out.put(place.input);
      out.put(place.offset);
      out.put(std::string_view{text});
    }
  }
  void load(archive_reader& in) override {
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
      const auto rank = in.get<std::uint64_t>();
      line_place place;
      place.input = in.get_input();
      place.offset = in.get<std::uint64_t>();
      kept_.add(rank, place, in.get_text());
    }
  }
  void tell(const question& /*asked*/, answer& into) const override {
    auto lines = kept_.lines();
    std::sort(lines.begin(), lines.end(),
              [](const auto& a, const auto& b) { return a.place < b.place; });
    std::uint64_t longer = 0;
    for (auto& each : lines) {
      if (each.text.size() > most_bytes) {
        ++longer;
        cut(each.text);
      }
      into.rows.push_back({.key = std::move(each.text), .value = std::nullopt});
    }
    if (longer > 0) {
      into.notes.push_back(std::to_string(longer) + (longer == 1 ? " line" : " lines") +
                           " of more than " + std::to_string(most_bytes) + " bytes, cut there");
    }
  }

 private:
  // Of a line: many of any length would take any memory. One more is kept where there are more.
  static constexpr std::size_t most_bytes = 4096;

  // Before a character, and not within its bytes.
  static void cut(std::string& text) {
    const auto continues = [&](std::size_t at) {
      return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
    };
    std::size_t end = most_bytes;
    while (most_bytes - end < 3 && continues(end)) --end;
    text.resize(end);
    text += "…";
  }

  std::uint64_t seed_;
  kept_lines<std::uint64_t> kept_;
};

}  // namespace

std::unique_ptr<answerer> make_answerer(const question& asked, group_names& names,
                                        std::uint64_t seed) {
  switch (asked.kind) {
    case question_kind::count_by:
    case question_kind::top:
      return std::make_unique<grouping>(names);
    case question_kind::histogram:
      return std::make_unique<histogram>(names, asked.unit);
    case question_kind::percentile:
      return std::make_unique<of_numbers<value_counts>>();
    case question_kind::distinct:
      return std::make_unique<distinct>();
    case question_kind::sample:
      return std::make_unique<sampling>(asked.count, seed);
    case question_kind::sum:
    case question_kind::min:
    case question_kind::max:
    case question_kind::mean:
      break;
  }
  return std::make_unique<of_numbers<summary>>();
}

}  // namespace millpool::logs
