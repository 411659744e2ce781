#include "apps/millpool/thumbs/source_tree.hpp"

#include "apps/millpool/thumbs/settings.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <functional>
#include <memory>
#include <string_view>
#include <sys/stat.h>

namespace millpool::thumbs {
namespace {

struct close_folder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

[[nodiscard]] failure unreadable(const char* what) {
  return {failure_kind::unreadable, std::string(what) + ": " + app::last_error().message()};
}

}  // namespace

source_tree::source_tree(std::string root, const std::string& left_out)
    : root_{std::move(root)}, left_out_{identity_of(left_out)}, folders_{""} {}

std::optional<source_tree::identity> source_tree::identity_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return identity{status.st_dev, status.st_ino};
}

std::optional<source_tree::step> source_tree::next() {
  for (;;) {
    if (!files_.empty()) {
      std::string path = std::move(files_.back());
      files_.pop_back();
      if (auto found = look_at(std::move(path))) return found;
      continue;
    }
    if (folders_.empty()) return std::nullopt;
    std::string path = std::move(folders_.back());
    folders_.pop_back();
    if (left_out_ && !path.empty() && identity_of(absolute(path)) == left_out_) continue;
    return enter(std::move(path));
  }
}

source_tree::step source_tree::enter(std::string path) {
  const std::unique_ptr<DIR, close_folder> folder_read{::opendir(absolute(path).c_str())};
  if (folder_read == nullptr) return fault{path, unreadable("cannot open the folder"), true};
  std::vector<std::string> folders;
  const std::string before = path.empty() ? "" : path + "/";
  for (;;) {
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
    const dirent* const entry = ::readdir(folder_read.get());
    if (entry == nullptr && errno != 0)
      return fault{path, unreadable("cannot read the folder"), true};
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat status {};
      is_folder = ::lstat((absolute(path) + "/" + entry->d_name).c_str(), &status) == 0 &&
                  S_ISDIR(status.st_mode);
    }
    if (is_folder) {
      folders.push_back(before + entry->d_name);
    } else if (is_image_name(name)) {
      files_.push_back(before + entry->d_name);
    } else {
      ++passed_over_;
    }
  }
  std::sort(files_.begin(), files_.end(), std::greater<>{});
  std::sort(folders.begin(), folders.end(), std::greater<>{});
  folders_.insert(folders_.end(), std::make_move_iterator(folders.begin()),
                  std::make_move_iterator(folders.end()));
  return folder{std::move(path)};
}

std::optional<source_tree::step> source_tree::look_at(std::string path) {
  struct stat status {};
  if (::stat(absolute(path).c_str(), &status) != 0)
    return fault{std::move(path), unreadable("cannot ask for its size")};
  if (!S_ISREG(status.st_mode)) {  // a fifo, or a link to a folder
    ++passed_over_;
    return std::nullopt;
  }
  return file{
      .path = std::move(path),
      .bytes = static_cast<std::uint64_t>(status.st_size),
      .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

}  // namespace millpool::thumbs
