#include "apps/millpool/run/joblog.hpp"

#include "apps/millpool/run/joblog_format.hpp"
#include "apps/support/io.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace millpool::run {

std::expected<joblog, std::string> joblog::open(const std::string& path, start how) {
  const auto failed = [&](std::string_view what) {
    return std::unexpected(std::string(what) + " joblog " + path + ": " +
                           app::last_error().message());
  };
  app::unique_fd fd;
  if (path == "-") {
    fd.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    // Truncated below, once no other run holds it.
    const int access = how == start::resume ? O_RDWR : O_WRONLY;
    fd.reset(::open(path.c_str(), access | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  }
  if (!fd) return failed("cannot write");
  struct stat status {};
  ::fstat(fd.get(), &status);
  // Many runs may write to one /dev/null.
  const bool is_ours = S_ISREG(status.st_mode) && path != "-";
  if (is_ours && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return std::unexpected("joblog " + path + " is in use by another run");
  }
  if (is_ours && how == start::overwrite) {
    if (::ftruncate(fd.get(), 0) != 0) return failed("cannot empty");
    status.st_size = 0;
  }
  joblog log{std::move(fd)};
  if (how == start::overwrite || status.st_size == 0) {
    if (const auto error = log.write(joblog_header)) {
      return std::unexpected("cannot write joblog " + path + ": " + error.message());
    }
  }
  return log;
}

std::error_code joblog::write(std::string_view line) {
  const auto [written, error] = app::write_most(fd_.get(), line);
  struct stat status {};
  if (!error || written == 0 || ::fstat(fd_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return error;
  }
  // Half a line is in the file, perhaps in several pieces: all of it is taken back.
  const off_t before = status.st_size - static_cast<off_t>(written);
  if (before >= 0) static_cast<void>(::ftruncate(fd_.get(), before));
  return error;
}

}  // namespace millpool::run
