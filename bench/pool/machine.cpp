#include "bench/pool/machine.hpp"

#include <array>
#include <cstdio>
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

}  // namespace

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

std::string machine() {
  return "machine   " + cpu_model() + ", " + std::to_string(std::thread::hardware_concurrency()) +
         " cores, " + kernel() + ", load " + load() +
         "\ncompiler  " MILLPOOL_COMPILER ", flags" MILLPOOL_FLAGS "\ncommit    " + commit() + "\n";
}

}  // namespace bench
