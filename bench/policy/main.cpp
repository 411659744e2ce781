// ./dev bench policy: what do the policies cost, and what do they bring?
#include "bench/policy/sections.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct section {
  std::string_view name;
  void (*run)(const bench::effort&);
};
constexpr std::array<section, 6> sections{{{"cost", bench::cost},
                                           {"burst", bench::burst},
                                           {"overload", bench::overload},
                                           {"sizes", bench::sizes},
                                           {"steps", bench::steps},
                                           {"stuck", bench::stuck}}};

constexpr const char* how_to =
    "Usage: ./dev bench policy [flags] [cost | burst | overload | sizes | steps | stuck]...\n\n"
    "  cost    what each policy costs an empty task of case D, on and off\n"
    "  burst   from one worker to 64: when the first comes, and when the last\n"
    "  overload  10 x what a pool can do, with shedding and without: what is done in time, for "
    "whom\n"
    "  sizes   a steered pool beside each fixed number of workers, for tasks that compute and that "
    "wait\n"
    "  steps   a load in steps: workers, depth and wait against time, as a picture\n"
    "  stuck   how soon another worker stands in for one that hangs\n\n"
    "  --rounds N        default 5\n"
    "  --quick           less work\n"
    "  --plot FILE.svg   of steps; default policy-steps.svg\n";

unsigned number(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
    throw std::invalid_argument{"--rounds: not a number of at least 1: " + text};
  }
  return value;
}

const section& named(std::string_view name) {
  for (const section& each : sections) {
    if (each.name == name) return each;
  }
  throw std::invalid_argument{"what is " + std::string{name} + "?"};
}

int run(const std::vector<std::string>& arguments) {
  bench::effort how;
  std::vector<const section*> asked;
  for (auto next = arguments.begin(); next != arguments.end(); ++next) {
    if (*next == "--help" || *next == "-h") return std::fputs(how_to, stdout) < 0 ? 1 : 0;
    if (*next == "--quick") {
      how.quick = true;
    } else if (*next == "--rounds" && next + 1 != arguments.end()) {
      how.rounds = number(*++next);
    } else if (*next == "--plot" && next + 1 != arguments.end()) {
      how.plot = *++next;
    } else {
      asked.push_back(&named(*next));
    }
  }
  if (asked.empty()) {
    for (const section& each : sections) asked.push_back(&each);
  }
  for (const section* each : asked) each->run(how);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench policy: %s\n", error.what());
    return 2;
  }
}
