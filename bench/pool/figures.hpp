// What one run of a subject found out, and the clocks it found it with.
#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <sys/resource.h>
#include <sys/time.h>

namespace bench {

/// By name, as they travel through the pipe and into the JSON lines. Every name ends in its unit.
using figures = std::map<std::string, double>;

using steady = std::chrono::steady_clock;

inline double nanoseconds_since(steady::time_point then) {
  return std::chrono::duration<double, std::nano>(steady::now() - then).count();
}

inline double nanoseconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
}

/// CPU time of this process, all threads.
inline double cpu_nanoseconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return nanoseconds_of(used.ru_utime) + nanoseconds_of(used.ru_stime);
}

/// The most memory that this program has held. Not ru_maxrss: that counts what the process was
/// before it became this program, too.
inline double peak_rss_kib() {
  std::ifstream status{"/proc/self/status"};
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib;
  }
  return 0;
}

/// Runs from its construction.
class stopwatch {
 public:
  /// What `tasks` tasks cost until now.
  [[nodiscard]] figures stop(std::uint64_t tasks) const {
    const double wall = nanoseconds_since(begun_);
    const double cpu = cpu_nanoseconds() - cpu_;
    const auto count = static_cast<double>(tasks);
    return {{"tasks", count},
            {"ns_per_task", wall / count},
            {"wall_ms", wall / 1e6},
            {"cpu_percent", 100 * cpu / wall}};
  }

 private:
  double cpu_ = cpu_nanoseconds();
  steady::time_point begun_ = steady::now();
};

}  // namespace bench
