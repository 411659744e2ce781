#include "apps/millpool/thumbs/dest_folder.hpp"

#include "apps/millpool/thumbs/atomic_file.hpp"
#include "apps/support/io.hpp"

#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <system_error>
#include <vector>

namespace millpool::thumbs {
namespace {

namespace fs = std::filesystem;

// Whether `inner` is `outer` or lies in it.
[[nodiscard]] bool lies_in(const fs::path& inner, const fs::path& outer) {
  auto at = inner.begin();
  for (const fs::path& part : outer) {
    if (part.empty()) continue;  // behind a slash at the end
    if (at == inner.end() || *at != part) return false;
    ++at;
  }
  return true;
}

}  // namespace

std::expected<dest_folder, std::string> dest_folder::open(const std::string& source,
                                                          const std::string& path) {
  std::error_code error;
  const fs::path from = fs::canonical(source, error);
  if (error) return std::unexpected("cannot open " + source + ": " + error.message());
  if (!fs::is_directory(from, error)) return std::unexpected(source + " is no folder");
  // Before anything is made: a thumbnail must never take the name of a photo.
  // That of "new/../src", too, while there is no folder "new".
  fs::path to = fs::weakly_canonical(fs::absolute(path), error);
  const bool was_among_sources = !error && lies_in(from, to);
  if (!error && !was_among_sources) fs::create_directories(to, error);
  if (!error) to = fs::canonical(to, error);
  if (error) return std::unexpected("cannot make " + path + ": " + error.message());
  if (was_among_sources || lies_in(from, to)) {
    return std::unexpected("thumbnails in " + path +
                           " would lie among their sources: choose a DEST that " + source +
                           " is not in");
  }
  app::unique_fd lock{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!lock) return std::unexpected("cannot open " + path + ": " + app::last_error().message());
  // Some file systems have no locks: then nobody is kept out.
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return std::unexpected("another run writes to " + path);
  dest_folder opened{path, std::move(to), std::move(lock)};
  if (const auto ready = opened.prepare(""); !ready) return std::unexpected(ready.error().sentence);
  return opened;
}

or_failure<void> dest_folder::prepare(const std::string& folder) const {
  const fs::path path = folder.empty() ? root_ : root_ / folder;
  std::error_code error;
  if (fs::weakly_canonical(path, error) != path && !error) {
    return fail(failure_kind::write_failed,
                path_ + "/" + folder + " is or lies behind a link: photos may be there");
  }
  if (!error) fs::create_directories(path, error);
  if (error)
    return fail(failure_kind::write_failed,
                "cannot make " + path_ + "/" + folder + ": " + error.message());
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator each{path, error}, end; !error && each != end;
       each.increment(error)) {
    if (is_leftover(each->path().filename().native())) leftovers.push_back(each->path());
  }
  for (const fs::path& each : leftovers) fs::remove(each, error);
  return {};
}

}  // namespace millpool::thumbs
