#include "apps/millpool/run/program_path.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace millpool::run {

const std::string& program_path::find(std::string_view program) {
  const std::lock_guard lock{mutex_};
  const auto [entry, is_new] = found_.try_emplace(std::string(program));
  if (is_new) entry->second = search(entry->first);
  return entry->second;  // nodes of an unordered_map stay where they are
}

std::string program_path::search(const std::string& program) const {
  if (program.empty()) return {};
  if (program.find('/') != std::string::npos) return program;
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
