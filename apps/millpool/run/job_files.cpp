#include "apps/millpool/run/job_files.hpp"

#include "apps/support/io.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace millpool::run {

// Appending: where the job before left the position does not matter then.
std::expected<app::unique_fd, std::error_code> open_unnamed(const std::string& directory) {
  app::unique_fd fd{::open(directory.c_str(), O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600)};
  if (fd) return fd;
  // Some file systems have no nameless files: then one whose name goes at once.
  std::string name = directory + "/millpool-XXXXXX";
  fd.reset(::mkostemp(name.data(), O_APPEND | O_CLOEXEC));
  if (!fd) return std::unexpected(app::last_error());
  ::unlink(name.c_str());
  return fd;
}

std::error_code job_files::prepare(const std::string& directory, bool fresh) {
  if (const auto error = output_.prepare(directory, fresh)) return error;
  return error_.prepare(directory, fresh);
}

std::error_code job_files::use_named(const std::string& output, const std::string& error) {
  if (const auto failed = output_.use_named(output)) return failed;
  return error_.use_named(error);
}

std::error_code job_files::file::prepare(const std::string& directory, bool fresh) {
  if (fd && !fresh && !named) {
    // Again: a process that the job left behind may have written after it, and be gone by now.
    measure();
    if (size > 0 && ::ftruncate(fd.get(), 0) != 0) return app::last_error();
    size = 0;
    return {};
  }
  auto opened = open_unnamed(directory);
  if (!opened) return opened.error();
  fd = std::move(*opened);
  named = false;
  size = 0;
  return {};
}

std::error_code job_files::file::use_named(const std::string& path) {
  fd.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666));
  named = true;
  size = 0;
  return fd ? std::error_code{} : app::last_error();
}

void job_files::measure() {
  output_.measure();
  error_.measure();
}

void job_files::file::measure() {
  struct stat status {};
  size = ::fstat(fd.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool job_files::disk_full(const std::string& directory) const {
  constexpr std::uint64_t plenty = std::uint64_t{16} << 20;
  struct statvfs disk {};
  if (::fstatvfs(output_.fd.get(), &disk) != 0 || disk.f_blocks == 0) return false;
  if (disk.f_bavail * disk.f_frsize >= plenty) return false;
  // What a file system calls free is not always what it gives: so ask for some.
  const auto probe = open_unnamed(directory);
  return !probe || app::write_all(probe->get(), std::string(8192, 'x'));
}

}  // namespace millpool::run
