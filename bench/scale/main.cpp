// ./dev bench scale: does a task cost the same when there are more of them, more lanes, workers,
// classes, producers, or places?
#include "bench/pool/catalogue.hpp"
#include "bench/pool/machine.hpp"
#include "bench/pool/report.hpp"
#include "bench/pool/run_subject.hpp"
#include "bench/scale/dimensions.hpp"
#include "bench/scale/verdict.hpp"

#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace bench;

constexpr const char* how_to =
    "Usage: ./dev bench scale [flags] [dimension...]\n\n"
    "How does the cost of a task grow? Each point is a process of its own; the points of a "
    "dimension "
    "take\nturns; medians of the rounds. Dimensions: tasks lanes workers classes producers "
    "capacity.\n\n"
    "  --rounds N   default 5, with --quick 3\n"
    "  --quick      less work: under a minute\n"
    "  --json       a JSON line a run on standard output, the tables on standard error\n";

struct choices {
  std::vector<const dimension*> along{};
  unsigned rounds = 0;
  bool quick = false;
  bool json = false;
  bool help = false;
};

choices parse(const std::vector<std::string>& arguments) {
  choices found;
  for (auto next = arguments.begin(); next != arguments.end(); ++next) {
    if (*next == "--quick") {
      found.quick = true;
    } else if (*next == "--json") {
      found.json = true;
    } else if (*next == "--help" || *next == "-h") {
      found.help = true;
    } else if (*next == "--rounds" && next + 1 != arguments.end()) {
      const std::string& text = *++next;
      const auto [end, error] =
          std::from_chars(text.data(), text.data() + text.size(), found.rounds);
      if (error != std::errc{} || end != text.data() + text.size() || found.rounds == 0) {
        throw std::invalid_argument{"--rounds: not a number of at least 1: " + text};
      }
    } else if (const dimension* const named = find_dimension(*next)) {
      found.along.push_back(named);
    } else {
      throw std::invalid_argument{"what is " + *next + "?"};
    }
  }
  if (found.along.empty()) {
    for (const dimension& each : all_dimensions()) found.along.push_back(&each);
  }
  if (found.rounds == 0) found.rounds = found.quick ? 3 : 5;
  return found;
}

int run(const choices& chosen) {
  static constexpr subject_info point{own_name, "scale_point", "", "", false, false, 0, ""};
  std::FILE* const people = chosen.json ? stderr : stdout;
  (void)std::fprintf(people, "%srounds    %u%s; medians; spread is (largest - smallest) / median\n",
                     told(here()).c_str(), chosen.rounds, chosen.quick ? ", --quick" : "");
  for (const dimension* const along : chosen.along) {
    std::vector<run_result> runs;
    for (unsigned round = 1; round <= chosen.rounds; ++round) {
      for (const std::uint64_t value : along->values) {
        const std::string name = point_name(*along, value);
        const auto found = run_subject(point, name, tasks_of(*along, value, chosen.quick));
        runs.push_back({name, std::string{own_name}, round, found.value()});
        if (!chosen.json) continue;
        std::puts(json_line(runs.back()).c_str());
        (void)std::fflush(stdout);
      }
    }
    (void)std::fputs(dimension_table(*along, runs).c_str(), people);
    (void)std::fflush(people);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const choices chosen = parse({argv + 1, argv + argc});
    if (chosen.help) return std::puts(how_to) < 0 ? 1 : 0;
    return run(chosen);
  } catch (const std::invalid_argument& wrong) {
    (void)std::fprintf(stderr, "bench scale: %s\n\n%s", wrong.what(), how_to);
    return 2;
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "bench scale: %s\n", error.what());
    return 1;
  }
}
