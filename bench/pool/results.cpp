#include "bench/pool/results.hpp"

#include "bench/pool/catalogue.hpp"
#include "bench/pool/gates.hpp"
#include "bench/pool/report.hpp"

#include <charconv>
#include <map>
#include <stdexcept>

namespace bench {

namespace {

std::string quoted(const std::string& text) {
  std::string safe = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe + "\"";
}

/// A flat object of strings, numbers and nulls: all that our lines are.
class flat_object {
 public:
  /// \throws std::runtime_error
  explicit flat_object(std::string_view text) : left_{text} {
    expect('{');
    do {
      const std::string name = string();
      expect(':');
      value(name);
    } while (skip(','));
    expect('}');
    if (!left_.empty()) fail();
  }

  std::map<std::string, std::string> words{};
  figures numbers{};

 private:
  [[noreturn]] static void fail() { throw std::runtime_error{"not a line of results"}; }
  bool skip(char c) {
    if (!left_.starts_with(c)) return false;
    left_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!skip(c)) fail();
  }
  std::string string() {
    expect('"');
    std::string text;
    while (!skip('"')) {
      skip('\\');
      if (left_.empty()) fail();
      text += left_.front();
      left_.remove_prefix(1);
    }
    return text;
  }
  void value(const std::string& name) {
    if (left_.starts_with('"')) {
      words[name] = string();
    } else if (left_.starts_with("null")) {
      left_.remove_prefix(4);
    } else {
      double number = 0;
      const auto [end, error] = std::from_chars(left_.begin(), left_.end(), number);
      if (error != std::errc{}) fail();
      left_.remove_prefix(static_cast<std::size_t>(end - left_.begin()));
      numbers[name] = number;
    }
  }

  std::string_view left_;
};

std::string percent(double share) { return readable(100 * share).append(" %"); }

}  // namespace

std::string json_lines(const saved_run& run) {
  std::string text = R"({"machine":)";
  text.append(quoted(run.made.machine)).append(R"(,"compiler":)").append(quoted(run.made.compiler));
  text.append(R"(,"flags":)").append(quoted(run.made.flags));
  text.append(R"(,"commit":)").append(quoted(run.made.commit));
  text.append(R"(,"date":)").append(quoted(run.made.date)).append("}\n");
  for (const run_result& each : run.runs) text.append(json_line(each)).append("\n");
  return text;
}

saved_run parse_json_lines(std::istream& in) {
  saved_run run;
  unsigned number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    try {
      flat_object found{line};
      if (number == 1) {
        run.made = {.machine = found.words.at("machine"),
                    .compiler = found.words.at("compiler"),
                    .flags = found.words.at("flags"),
                    .commit = found.words.at("commit"),
                    .date = found.words.at("date")};
        continue;
      }
      const auto round = static_cast<unsigned>(found.numbers.at("round"));
      found.numbers.erase("round");
      run.runs.push_back({found.words.at("case"), found.words.at("subject"), round, found.numbers});
    } catch (const std::exception&) {
      throw std::runtime_error{"line " + std::to_string(number) + " is not a line of results"};
    }
  }
  if (number == 0) throw std::runtime_error{"there is no line of results"};
  return run;
}

std::string markdown_table(const saved_run& run) {
  std::string text =
      "| | | Millpool | spread | best packaged rival | spread | rival / Millpool | peak KiB | "
      "rival's |\n"
      "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  for (const case_info& which : all_cases()) {
    const auto own = summary_of(run.runs, which.id, own_name, which.figure);
    if (!own) continue;
    const auto cell = [&](const std::string& words) { text.append(words).append(" | "); };
    const auto cost = [&](double figure) { return readable(figure / which.per_unit); };
    const auto peak = [&](std::string_view subject) {
      return readable(summary_of(run.runs, which.id, subject, "peak_rss_kib").value().median);
    };
    text += "| ";
    cell(std::string{which.id});
    cell(std::string{which.title}.append(", ").append(which.unit));
    cell(cost(own->median));
    cell(percent(own->spread));
    const auto rival = best_of(which.id, which.figure, reference::best, run.runs);
    if (rival) {
      cell(std::string{rival->name}.append(" ").append(cost(rival->median)));
      cell(percent(summary_of(run.runs, which.id, rival->name, which.figure).value().spread));
      cell(readable(rival->median / own->median));
    } else {
      text += "- | - | - | ";
    }
    cell(peak(own_name));
    cell(rival ? peak(rival->name) : "-");
    text.back() = '\n';
  }
  text.append("\nMedians of the rounds; spread is (largest - smallest) / median. ");
  text.append(run.made.machine).append("; ").append(run.made.compiler).append(" ");
  text.append(run.made.flags).append("; commit ").append(run.made.commit).append(", ");
  return text.append(run.made.date).append(".\n");
}

}  // namespace bench
