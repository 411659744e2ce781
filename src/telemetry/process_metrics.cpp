#include "millpool/telemetry/process_metrics.hpp"

#include <array>
#include <cstdint>
#include <dirent.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace millpool {
namespace {

// What /proc/self/stat says, by proc(5).
struct process_stat {
  std::uint64_t cpu_ticks;    // fields 14 and 15
  std::uint64_t threads;      // 20
  std::uint64_t start_ticks;  // 22, since the machine was started
  std::uint64_t memory;       // 23, in bytes
  std::uint64_t resident;     // 24, in pages
};

std::optional<process_stat> read_stat() {
  std::ifstream in{"/proc/self/stat"};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const std::size_t name_ends = text.rfind(')');  // the name, field 2, may hold anything
  if (name_ends == std::string::npos) return std::nullopt;
  std::istringstream fields{text.substr(name_ends + 1)};
  std::array<std::uint64_t, 25> field{};
  std::string state;
  fields >> state;
  for (std::size_t i = 4; i < field.size(); ++i) {
    std::int64_t number = 0;  // some are negative, none of ours
    if (!(fields >> number)) return std::nullopt;
    field[i] = static_cast<std::uint64_t>(number);
  }
  return process_stat{field[14] + field[15], field[20], field[22], field[23], field[24]};
}

// In seconds since 1970.
std::optional<std::uint64_t> boot_time() {
  std::ifstream in{"/proc/stat"};
  for (std::string name; in >> name; std::getline(in, name)) {
    std::uint64_t seconds = 0;
    if (name == "btime" && in >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> open_files() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder{opendir("/proc/self/fd"), closedir};
  if (!folder) return std::nullopt;
  std::uint64_t files = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this folder
  while (const dirent* const each = readdir(folder.get())) {
    if (each->d_name[0] != '.') ++files;
  }
  return files - 1;  // but for the folder itself
}

void gauge(exposition& page, std::string_view name, std::string_view unit, std::string_view help,
           double number) {
  page.family(name, metric_type::gauge, help, unit);
  page.value({}, number);
}

}  // namespace

void write_process_metrics(exposition& page) {
  if (const auto stat = read_stat()) {
    const auto tick = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto page_size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    page.family("process_cpu_seconds", metric_type::counter,
                "Processor time that the process has used.", "seconds");
    page.value({}, static_cast<double>(stat->cpu_ticks) / tick);
    if (const auto boot = boot_time()) {
      gauge(page, "process_start_time_seconds", "seconds",
            "When the process was started, since 1970.",
            static_cast<double>(*boot) + static_cast<double>(stat->start_ticks) / tick);
    }
    gauge(page, "process_resident_memory_bytes", "bytes", "Memory of the process that is resident.",
          static_cast<double>(stat->resident * page_size));
    gauge(page, "process_virtual_memory_bytes", "bytes", "Address space of the process.",
          static_cast<double>(stat->memory));
    gauge(page, "process_threads", {}, "Threads of the process.",
          static_cast<double>(stat->threads));
  }
  if (const auto files = open_files()) {
    gauge(page, "process_open_fds", {}, "File descriptors that are open.",
          static_cast<double>(*files));
  }
  rlimit most{};
  if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
    gauge(page, "process_max_fds", {}, "File descriptors that may be open.",
          static_cast<double>(most.rlim_cur));
  }
}

}  // namespace millpool
