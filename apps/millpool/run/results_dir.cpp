#include "apps/millpool/run/results_dir.hpp"

#include "apps/support/io.hpp"
#include "apps/support/unique_fd.hpp"

#include <fcntl.h>
#include <filesystem>
#include <limits.h>

namespace millpool::run {
namespace {

// An argument as one name: \ / tab and NUL are written as \\ \_ \t \0. GNU parallel lets . and ..
// pass, which would leave the directory: they get a backslash too.
[[nodiscard]] std::string as_name(std::string_view arg) {
  if (arg == "." || arg == "..") return arg == "." ? "\\." : "\\..";
  std::string name;
  for (const char c : arg) {
    switch (c) {
      case '\\':
        name += "\\\\";
        break;
      case '\t':
        name += "\\t";
        break;
      case '\0':
        name += "\\0";
        break;
      case '/':
        name += "\\_";
        break;
      default:
        name += c;
    }
  }
  if (name.size() > NAME_MAX) name.resize(NAME_MAX);
  return name;
}

}  // namespace

std::string results_dir::path_of(const job_input& job) const {
  std::string path = root_;
  for (std::size_t i = 0; i < job.args.size(); ++i) {
    path += "/" + std::to_string(i + 1) + "/" + as_name(job.args[i]);
  }
  return path;
}

std::expected<results_dir::paths, std::error_code> results_dir::create(const job_input& job) const {
  const std::string directory = path_of(job);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return std::unexpected(error);
  const app::unique_fd seq{
      ::open((directory + "/seq").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (!seq) return std::unexpected(app::last_error());
  if (const auto failed = app::write_all(seq.get(), std::to_string(job.seq)))
    return std::unexpected(failed);
  return paths{directory + "/stdout", directory + "/stderr"};
}

}  // namespace millpool::run
