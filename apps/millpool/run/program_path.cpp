#include "apps/millpool/run/program_path.hpp"

#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace millpool::run {

std::string program_path::find(const std::string& program) {
  // The input may name another program for each job: memory must not grow with it.
  constexpr std::size_t most_remembered = 1000;
  if (program.find('/') != std::string::npos) return program;
  const std::lock_guard lock{mutex_};
  const auto entry = found_.find(program);
  if (entry != found_.end()) return entry->second;
  std::string path = search(program);
  if (found_.size() < most_remembered) found_.emplace(program, path);
  return path;
}

std::string program_path::search(const std::string& program) const {
  if (program.empty()) return {};
  std::string_view rest = path_;
  for (;;) {
    const auto colon = rest.find(':');
    const std::string_view directory = rest.substr(0, colon);
    std::string candidate = directory.empty() ? "." : std::string(directory);
    candidate.append("/").append(program);
    struct stat status {};
    if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace millpool::run
