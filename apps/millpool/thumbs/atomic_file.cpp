#include "apps/millpool/thumbs/atomic_file.hpp"

#include "apps/support/io.hpp"

#include <atomic>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace millpool::thumbs {
namespace {

constexpr std::string_view prefix = ".millpool-thumbs-";
constexpr std::string_view suffix = ".tmp";

[[nodiscard]] std::string temporary_name() {
  static std::atomic<std::uint64_t> next{0};
  // relaxed: it only has to be another one.
  return std::string(prefix) + std::to_string(::getpid()) + "-" +
         std::to_string(next.fetch_add(1, std::memory_order_relaxed)) + std::string(suffix);
}

}  // namespace

bool is_leftover(std::string_view name) noexcept {
  return name.starts_with(prefix) && name.ends_with(suffix);
}

atomic_file::atomic_file(std::string path)
    : path_{std::move(path)},
      temporary_{path_.substr(0, path_.rfind('/') + 1) + temporary_name()},
      fd_{::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666)} {
  if (!fd_) error_ = app::last_error();
}

atomic_file::~atomic_file() {
  if (fd_ && !temporary_.empty()) ::unlink(temporary_.c_str());
}

void atomic_file::add(std::string_view bytes) {
  constexpr std::size_t small = std::size_t{64} * 1024;
  if (bytes.size() < small) waiting_ += bytes;
  if (bytes.size() < small && waiting_.size() < small) return;
  write(waiting_);
  waiting_.clear();
  if (bytes.size() >= small) write(bytes);
}

void atomic_file::write(std::string_view bytes) {
  if (!error_) error_ = app::write_all(fd_.get(), bytes);
}

or_failure<app::unique_fd> atomic_file::finish() {
  write(waiting_);
  // Some file systems tell only when it is closed that there was no room.
  if (!error_ && ::close(::dup(fd_.get())) != 0) error_ = app::last_error();
  if (!error_ && ::rename(temporary_.c_str(), path_.c_str()) != 0) error_ = app::last_error();
  if (error_)
    return fail(failure_kind::write_failed, "cannot write " + path_ + ": " + error_.message());
  temporary_.clear();
  return std::move(fd_);
}

or_failure<void> write_atomically(const std::string& path, std::span<const std::uint8_t> bytes) {
  atomic_file file{path};
  file.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (const auto written = file.finish(); !written) return std::unexpected{written.error()};
  return {};
}

}  // namespace millpool::thumbs
