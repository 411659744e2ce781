#include "apps/millpool/thumbs/byte_source.hpp"

#include "apps/support/io.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace millpool::thumbs {
namespace {

constexpr int beyond_limit = EFBIG;  // which no read gives

[[nodiscard]] std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

or_failure<byte_source> byte_source::open(const std::string& path) {
  // A fifo would make us wait for its other end.
  app::unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd) return fail(failure_kind::unreadable, "cannot open it: " + reason(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return fail(failure_kind::unreadable, "cannot ask for its size: " + reason(errno));
  if (!S_ISREG(status.st_mode)) return fail(failure_kind::unsupported, "it is no regular file");
  return byte_source{std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

std::size_t byte_source::read_at(std::span<std::uint8_t> room, std::uint64_t offset) noexcept {
  constexpr std::size_t least = 1024;
  counted_ += std::max(room.size(), least);
  if (counted_ > limit_) error_ = beyond_limit;
  if (error_ == beyond_limit) return 0;
  std::size_t all = 0;
  while (all < room.size()) {
    const std::span<char> rest{reinterpret_cast<char*>(room.data()) + all, room.size() - all};
    const auto got = app::read_at(fd_.get(), rest, offset + all);
    if (!got) error_ = got.error().value();
    if (!got || *got == 0) break;
    all += *got;
  }
  return all;
}

or_failure<std::vector<std::uint8_t>> byte_source::read_all() {
  std::vector<std::uint8_t> bytes(size_);
  if (read_at(bytes, 0) < bytes.size()) return std::unexpected{short_read()};
  return bytes;
}

failure byte_source::short_read() const {
  if (error_ == beyond_limit) {
    return {failure_kind::too_big,
            "more than " + std::to_string(limit_ >> 20) + " MiB stand in front of the image"};
  }
  if (error_ != 0) return {failure_kind::unreadable, "cannot read it: " + reason(error_)};
  return {failure_kind::truncated, "the file ends before its image does"};
}

}  // namespace millpool::thumbs
