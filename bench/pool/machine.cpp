#include "bench/pool/machine.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sys/utsname.h>
#include <thread>

namespace bench {

namespace {

std::string cpu_model() {
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown CPU";
}

std::string kernel() {
  utsname name{};
  ::uname(&name);
  return std::string{name.sysname} + " " + name.release;
}

std::string load() {
  std::ifstream average{"/proc/loadavg"};
  std::string minute;
  average >> minute;
  return minute;
}

std::string commit() {
  const char* const command =
      "git -C '" MILLPOOL_SOURCE_DIR "' describe --always --dirty --exclude '*' 2>/dev/null";
  std::string text;
  if (std::FILE* const out = ::popen(command, "r")) {
    std::array<char, 64> line{};
    if (std::fgets(line.data(), static_cast<int>(line.size()), out) != nullptr) text = line.data();
    ::pclose(out);
  }
  while (text.ends_with('\n')) text.pop_back();
  return text.empty() ? "unknown" : text;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::array<char, 16> date{};
  (void)std::strftime(date.data(), date.size(), "%Y-%m-%d", ::gmtime_r(&now, &utc));
  return date.data();
}

}  // namespace

origin here() {
  const std::string flags = MILLPOOL_FLAGS;
  return {.machine = cpu_model() + ", " + std::to_string(std::thread::hardware_concurrency()) +
                     " cores, " + kernel() + ", load " + load(),
          .compiler = MILLPOOL_COMPILER,
          .flags = flags.substr(std::min(flags.find_first_not_of(' '), flags.size())),
          .commit = commit(),
          .date = today()};
}

std::string told(const origin& made) {
  std::string text = "machine   ";
  text.append(made.machine).append("\ncompiler  ").append(made.compiler);
  text.append(", flags ").append(made.flags).append("\ncommit    ").append(made.commit);
  return text.append(", ").append(made.date).append("\n");
}

}  // namespace bench
