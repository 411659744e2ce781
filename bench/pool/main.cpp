// ./dev bench pool: the table of DESIGN.md section 7. What does a task cost in Millpool, and in the
// pools that a package gives?
#include "bench/pool/catalogue.hpp"
#include "bench/pool/gates.hpp"
#include "bench/pool/machine.hpp"
#include "bench/pool/options.hpp"
#include "bench/pool/plot.hpp"
#include "bench/pool/report.hpp"
#include "bench/pool/results.hpp"
#include "bench/pool/run_subject.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace bench;

/// A slow rival gets less work, and its cost a task is what is reported; Millpool gets all of it
/// unless it is very slow.
struct budget {
  double own_ns;
  double rival_ns;
};
constexpr budget full_budget{1.2e9, 0.4e9};
constexpr budget quick_budget{0.2e9, 0.06e9};
constexpr double memory_kib =
    1024 * 1024;  // an unbounded rival is not given more work than fits here

/// One place where output goes: to people, and into the file of --save.
class printer {
 public:
  explicit printer(bool json) : to_{json ? stderr : stdout} {}
  void operator()(const std::string& text) {
    (void)std::fputs(text.c_str(), to_);
    (void)std::fflush(to_);
    all_ += text;
  }
  [[nodiscard]] const std::string& all() const { return all_; }

 private:
  std::FILE* to_;
  std::string all_{};
};

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file};
  out << text;
  if (!out.flush()) throw std::runtime_error{"cannot write " + file.string()};
}

std::string picture_of(const saved_run& run) {
  return plot(run.runs, "Millpool " + run.made.commit + ": nanoseconds a task, logarithmic");
}

/// The table, and the picture, of a run that was made before.
int show(const options& chosen) {
  std::ifstream in{chosen.table};
  if (!in) throw std::runtime_error{"cannot read " + chosen.table};
  const saved_run run = parse_json_lines(in);
  if (!chosen.plot.empty()) write(chosen.plot, picture_of(run));
  return std::fputs(markdown_table(run).c_str(), stdout) < 0 ? 1 : 0;
}

class session {
 public:
  explicit session(const options& chosen) : chosen_{chosen}, print_{chosen.json} {
    done_.made = here();
  }

  int run() {
    head();
    for (const case_info& each : all_cases()) {
      if (std::ranges::find(chosen_.cases, each.id) != chosen_.cases.end()) measure(each);
    }
    print_(gate_table(judge(all_gates(), chosen_.cases, done_.runs)));
    write_files();
    return 0;
  }

 private:
  void head() {
    print_(told(done_.made));
    print_(
        "rounds    " + std::to_string(chosen_.rounds) + (chosen_.quick ? ", --quick" : "") +
        "; medians; spread is (largest - smallest) / median; 2 workers unless a case says else\n");
    for (const subject_info& each : all_subjects()) {
      if (!chosen_.subjects.empty() &&
          std::ranges::find(chosen_.subjects, each.name) == chosen_.subjects.end()) {
        continue;
      }
      std::string name{each.name};
      name.resize(std::max(name.size(), std::size_t{9}), ' ');
      if (!is_built(each)) {
        print_(name + " absent" + (each.needs.empty() ? "" : ": needs ") + std::string{each.needs} +
               "\n");
        continue;
      }
      subjects_.push_back(each);
      print_(name + " " + about(each) + "\n");
    }
    print_("* may run tasks in the thread that posts them: not a rival to beat\n");
    print_("The best rival is one in C++; a Go rival that is faster still is told beside it.\n");
  }

  void measure(const case_info& which) {
    struct planned {
      const subject_info* subject;
      std::uint64_t tasks;
    };
    std::vector<planned> plan;
    std::vector<std::string> absent;
    std::map<std::string_view, double> pilot_peak;
    for (const subject_info& each : subjects_) {
      if (!each.only.empty() && !has_word(each.only, which.id)) continue;
      if (which.id == "M" && each.name != own_name && each.name != bare_name) continue;
      const std::uint64_t most = limit(which, each);
      if (which.pilot == 0) {
        plan.push_back({&each, most});
        continue;
      }
      const auto pilot = run_subject(each, std::string{which.id}, std::min(which.pilot, most));
      if (!pilot) {
        absent.emplace_back(each.name);
        continue;
      }
      pilot_peak[each.name] = pilot->at("peak_rss_kib");
      plan.push_back({&each, fitting(which, each, *pilot, most)});
    }
    for (unsigned round = 0; round < chosen_.rounds; ++round) {
      const std::size_t first_of_round = done_.runs.size();
      for (std::size_t i = 0; i < plan.size(); ++i) {
        // Each round begins with another subject, so that none has always the same one before it.
        const planned& next = plan[(i + round) % plan.size()];
        auto found = run_subject(*next.subject, std::string{which.id}, next.tasks);
        if (!found) {
          if (round == 0) absent.emplace_back(next.subject->name);
          continue;
        }
        if (const auto before = pilot_peak.find(next.subject->name); before != pilot_peak.end()) {
          (*found)["grown"] = found->at("peak_rss_kib") / before->second;
        }
        done_.runs.push_back(
            {std::string{which.id}, std::string{next.subject->name}, round + 1, *found});
      }
      const auto of_round = std::span{done_.runs}.subspan(first_of_round);
      if (which.id == "M") add_what_metrics_cost(of_round);
      for (const run_result& each : of_round) {
        if (!chosen_.json) break;
        std::puts(json_line(each).c_str());
        std::fflush(stdout);
      }
    }
    print_(case_table(which, done_.runs, absent));
  }

  /// The difference within one round, in which both ran one after the other.
  static void add_what_metrics_cost(std::span<run_result> of_round) {
    const auto with = std::ranges::find(of_round, own_name, &run_result::subject);
    const auto without = std::ranges::find(of_round, bare_name, &run_result::subject);
    if (with == of_round.end() || without == of_round.end()) return;
    with->values["metrics_ns"] = with->values.at("ns_per_task") - without->values.at("ns_per_task");
  }

  [[nodiscard]] std::uint64_t limit(const case_info& which, const subject_info& subject) const {
    const std::uint64_t tasks = chosen_.quick ? which.quick : which.tasks;
    // I's "tasks" are milliseconds of rest.
    if (subject.most_tasks == 0 || which.id == "I") return tasks;
    return std::min(tasks, subject.most_tasks);
  }

  /// As many tasks as fit in the time and the memory, by what the pilot took.
  [[nodiscard]] std::uint64_t fitting(const case_info& which, const subject_info& subject,
                                      const figures& pilot, std::uint64_t most) const {
    const bool own = subject.name == own_name;
    if (own && which.id == "K") return most;  // the case is about that many
    const budget& time = chosen_.quick ? quick_budget : full_budget;
    // K asks what an unbounded pool holds after a while, so it is given a longer while.
    const double patience = which.id == "K" ? 3 : 1;
    const double in_time = patience * (own ? time.own_ns : time.rival_ns) / pilot.at("ns_per_task");
    const double kib_a_task = pilot.at("peak_rss_kib") / pilot.at("tasks");
    const double fits = std::min(in_time, memory_kib / kib_a_task);
    return static_cast<std::uint64_t>(std::clamp(
        fits, std::min(pilot.at("tasks"), static_cast<double>(most)), static_cast<double>(most)));
  }

  void write_files() {
    if (!chosen_.plot.empty()) write(chosen_.plot, picture_of(done_));
    if (!chosen_.save) return;
    const std::filesystem::path folder = MILLPOOL_SOURCE_DIR "/bench/results";
    std::filesystem::create_directories(folder);
    const std::string name =
        done_.made.date + "-" + done_.made.commit + (chosen_.quick ? "-quick" : "");
    std::string stem = name;  // no run replaces another
    for (int n = 2; exists(folder / (stem + ".jsonl")); ++n) stem = name + "-" + std::to_string(n);
    write(folder / (stem + ".jsonl"), json_lines(done_));
    write(folder / (stem + ".md"), markdown_table(done_) + "\n```text\n" + print_.all() + "```\n");
    print_("saved: bench/results/" + stem + ".jsonl and .md\n");
  }

  options chosen_;
  printer print_;
  std::vector<subject_info> subjects_{};
  saved_run done_{};
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const options chosen = parse_options({argv + 1, argv + argc});
    if (chosen.help) return std::puts(usage) < 0 ? 1 : 0;
    return chosen.table.empty() ? session{chosen}.run() : show(chosen);
  } catch (const std::invalid_argument& wrong) {
    (void)std::fprintf(stderr, "bench pool: %s\n\n%s", wrong.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "bench pool: %s\n", error.what());
    return 1;
  }
}
