#include "apps/millpool/thumbs/manifest.hpp"

#include "apps/millpool/thumbs/atomic_file.hpp"
#include "apps/support/io.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>

namespace millpool::thumbs {
namespace {

constexpr std::string_view line_start_of_ours = R"({"source)";
constexpr std::size_t longest_line = std::size_t{16} << 20;

}  // namespace

bool by_folder::operator()(std::string_view a, std::string_view b) const noexcept {
  const auto folder = [](std::string_view path) { return path.substr(0, path.rfind('/') + 1); };
  return std::pair{folder(a), a} < std::pair{folder(b), b};
}

std::expected<manifest, std::string> manifest::open(const std::string& path) {
  for (;;) {
    app::unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    if (!fd) return std::unexpected("cannot open " + path + ": " + app::last_error().message());
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return std::unexpected(path + " is no regular file");
    // Some file systems have no locks: then nobody is kept out.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return std::unexpected("another run writes to " + path);
    // A link stays one: what it names is replaced.
    std::error_code error;
    const std::string canonical = std::filesystem::canonical(path, error).native();
    struct stat named {};
    // Until we had the lock, another run may have put a new file in its place.
    if (error || ::stat(canonical.c_str(), &named) != 0 || named.st_ino != status.st_ino ||
        named.st_dev != status.st_dev) {
      continue;
    }
    manifest opened{canonical, std::move(fd)};
    if (auto loaded = opened.load(); !loaded) return std::unexpected(path + loaded.error());
    return opened;
  }
}

std::expected<void, std::string> manifest::load() {
  std::string text;  // from the start of a line that is not complete yet
  std::array<char, 64 * 1024> chunk;
  for (std::uint64_t line_start = 0;;) {
    const auto got = app::read_at(fd_.get(), chunk, end_);
    if (!got) return std::unexpected(" cannot be read: " + got.error().message());
    if (*got == 0) break;
    text.append(chunk.data(), *got);
    end_ += *got;
    std::size_t begin = 0;
    for (std::size_t newline; (newline = text.find('\n', begin)) != std::string::npos;) {
      const std::string_view line{text.data() + begin, newline - begin};
      if (const auto entry = parse_line(line)) {
        lines_[entry->source] = {line_start, static_cast<std::uint32_t>(line.size()), false};
      } else if (!line.empty()) {
        ++strange_lines_;
      }
      line_start += line.size() + 1;
      begin = newline + 1;
    }
    text.erase(0, begin);
    if (text.size() > longest_line) break;
  }
  ends_in_newline_ = text.empty();
  if (!text.empty()) ++strange_lines_;
  // Whatever else it is, it is somebody's; half a line of ours was left by a run that was killed.
  const bool is_ours = end_ == 0 || !lines_.empty() || text.starts_with(line_start_of_ours);
  if (is_ours && text.size() <= longest_line) return {};
  return std::unexpected(" holds something else than a manifest, and is left as it is");
}

std::string manifest::line_at(const place& where) const {
  std::string line(where.length, '\0');
  const auto got = app::read_at(fd_.get(), line, where.offset);
  line.resize(got.value_or(0));
  return line;
}

std::optional<manifest_entry> manifest::find(const std::string& source) const {
  const auto found = lines_.find(source);
  if (found == lines_.end()) return std::nullopt;
  return parse_line(line_at(found->second));
}

std::expected<void, std::string> manifest::append(const manifest_entry& entry) {
  // A run that was killed may have left half a line.
  const std::string line = (ends_in_newline_ ? "" : "\n") + to_line(entry);
  if (const auto error = app::write_all(fd_.get(), line))
    return std::unexpected("cannot write " + path_ + ": " + error.message());
  const std::uint64_t start = end_ + (ends_in_newline_ ? 0 : 1);
  end_ += line.size();
  ends_in_newline_ = true;
  lines_[entry.source] = {start, static_cast<std::uint32_t>(end_ - start - 1), true};
  return {};
}

std::expected<void, std::string> manifest::compact(bool all) {
  atomic_file file{path_};
  // Before it has the name: so no other run comes in between.
  ::flock(file.descriptor(), LOCK_EX | LOCK_NB);
  std::uint64_t end = 0;
  for (auto each = lines_.begin(); each != lines_.end();) {
    if (!all && !each->second.fresh) {
      each = lines_.erase(each);
      continue;
    }
    const std::string line = line_at(each->second) + "\n";
    file.add(line);
    each->second.offset = end;
    end += line.size();
    ++each;
  }
  auto written = file.finish();
  if (!written) return std::unexpected(written.error().sentence);
  fd_ = std::move(*written);
  end_ = end;
  return {};
}

void manifest::for_each(const std::function<void(const manifest_entry&)>& f) const {
  for (const auto& [source, where] : lines_) {
    if (const auto entry = parse_line(line_at(where))) f(*entry);
  }
}

}  // namespace millpool::thumbs
