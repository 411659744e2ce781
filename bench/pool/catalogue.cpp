#include "bench/pool/catalogue.hpp"

#include <algorithm>
#include <sstream>
#include <string>

namespace bench {

std::span<const case_info> all_cases() {
  // clang-format off
  static const std::vector<case_info> cases{
    // id, title, figure, unit, per unit, tasks, quick, pilot, more
    {"A", "1 outside producer, empty tasks, capacity 1024", "ns_per_task", "ns/task", 1, 2'000'000, 500'000, 20'000, {}},
    {"B", "4 outside producers, empty tasks", "ns_per_task", "ns/task", 1, 2'000'000, 500'000, 20'000, {}},
    {"C", "submit and future, windows of 512", "ns_per_task", "ns/task", 1, 1'000'000, 100'000, 10'240, {}},
    {"C1", "submit then get, one at a time", "ns_per_task", "us/task", 1e3, 50'000, 10'000, 500, {}},
    {"D", "spawn tree from inside", "ns_per_task", "ns/task", 1, 1'398'101, 349'525, 21'845, {}},
    {"F", "fork-join fib(30)", "ns_per_task", "ns/join", 1, 1'346'268, 317'810, 10'945, {}},
    {"G", "wake-up from idle", "ns_per_task", "us p50", 1e3, 400, 100, 0, {"p99_us"}},
    {"H50", "open loop, 50 k/s of 2 us tasks: wait", "p99_us", "us p99", 1, 25'000, 5'000, 0, {"p50_us", "p999_us"}},
    {"H200", "open loop, 200 k/s of 2 us tasks: wait", "p99_us", "us p99", 1, 100'000, 20'000, 0, {"p50_us", "p999_us"}},
    {"I", "idle pool of 4", "idle_us_per_s", "us/s", 1, 1'000, 300, 0, {"switches"}},
    {"J3", "producer against a full channel, capacity 3", "ns_per_task", "ns/task", 1, 500'000, 50'000, 5'000, {}},
    {"J1024", "producer against a full channel, capacity 1024", "ns_per_task", "ns/task", 1, 2'000'000, 200'000, 20'000, {}},
    {"K", "tasks of 1 us, offered as fast as can be", "ns_per_task", "ns/task", 1, 5'000'000, 500'000, 50'000, {"grown"}},
    {"M", "what metrics cost: D with and without", "ns_per_task", "ns/task", 1, 1'398'101, 349'525, 21'845, {"metrics_ns"}},
    {"W0r", "empty tasks, results collected", "ns_per_task", "ns/task", 1, 2'000'000, 200'000, 20'000, {}},
    {"W1", "the article's test, CPU: 4 KiB filled and hashed", "ns_per_task", "ms/100k", 10, 100'000, 10'000, 0, {}},
    {"W2", "8 KiB filled, 1 ms sleep, 256 workers", "ns_per_task", "ms/100k", 10, 100'000, 10'000, 0, {}},
    {"W3", "the article's test, IO: 8 KiB held, 128 permits of 1 ms", "ns_per_task", "ms/100k", 10, 100'000, 10'000, 0, {}},
  };
  // clang-format on
  return cases;
}

std::span<const subject_info> all_subjects() {
  static constexpr std::string_view short_runs = "A B C C1 D F G J3 J1024 W1 W2";
  // The Go rivals are not `packaged`: between goroutines of one thread no thread is woken, which no
  // C++ pool here can do, and a C++ program cannot take one instead. The gates tell how they did,
  // and W3 is compared with them. The textbook pool and serial are no packages either.
  // clang-format off
  static const std::vector<subject_info> subjects{
    // name, program, argument, needs, packaged, in producer, most tasks, only
    {own_name, "millpool", "", "", false, false, 0, ""},
    {bare_name, "millpool-bare", "", "", false, false, 0, "M"},
    {"tbb", "tbb", "", "libtbb-dev", true, false, 0, ""},
    {"asio", "asio", "", "libboost1.81-dev", true, false, 0, ""},
    {"glib", "glib", "", "libglib2.0-dev and pkg-config", true, false, 0, ""},
    {"openmp", "openmp", "", "a compiler with OpenMP", true, true, 0, ""},
    {"async", "async", "", "", true, false, 2'000, short_runs},
    {"thread", "thread", "", "", true, false, 2'000, short_runs},
    {"textbook", "textbook", "", "", false, false, 0, ""},
    {"go", "go", "goroutines", "go", false, false, 0, ""},
    {"go-pool", "go", "pool", "go", false, false, 0, ""},
    {"serial", "serial", "", "", false, true, 0, "W1"},
  };
  // clang-format on
  return subjects;
}

const subject_info* find_subject(std::string_view name) {
  const auto all = all_subjects();
  const auto found = std::ranges::find(all, name, &subject_info::name);
  return found == all.end() ? nullptr : &*found;
}

bool has_word(std::string_view list, std::string_view word) {
  std::istringstream words{std::string{list}};
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

}  // namespace bench
