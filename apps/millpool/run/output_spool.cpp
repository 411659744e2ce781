#include "apps/millpool/run/output_spool.hpp"

#include "apps/millpool/run/job_files.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace millpool::run {
namespace {

constexpr std::size_t copied_at_once = 64 * 1024;
// What is given back at once: outputs may be smaller than a block of the disk.
constexpr std::uint64_t part_size = 256 * 1024;

}  // namespace

std::error_code output_spool::begin() {
  if (!fd_) {
    auto opened = open_unnamed(directory_);
    if (!opened) return opened.error();
    fd_ = std::move(*opened);
  }
  current_ = {.offset = end_};
  return {};
}

std::error_code output_spool::write(stream to, std::string_view bytes) {
  (to == stream::output ? current_.output_size : current_.error_size) += bytes.size();
  return append(bytes);
}

std::error_code output_spool::put_log(std::string_view line) {
  current_.log_size += line.size();
  return append(line);
}

std::error_code output_spool::append(std::string_view bytes) {
  const auto [written, error] = app::write_most(fd_.get(), bytes);
  end_ += written;  // also of what failed: the next entry begins where the file ends
  return error;
}

output_spool::entry output_spool::take() {
  ++held_;
  const std::uint64_t end = current_.offset + current_.size();
  for (std::uint64_t part = current_.offset / part_size; part * part_size < end; ++part) {
    ++users_[part];
  }
  return current_;
}

void output_spool::forget(const entry& held) {
  const std::uint64_t end = held.offset + held.size();
  for (std::uint64_t part = held.offset / part_size; part * part_size < end; ++part) {
    const auto found = users_.find(part);
    if (--found->second > 0) continue;
    users_.erase(found);
    // Where the file system cannot do it the disk is given back later, when nothing is held.
    static_cast<void>(::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                  static_cast<off_t>(part * part_size), part_size));
  }
}

std::error_code output_spool::replay(const entry& held, output_target& to, std::string& log_line) {
  buffer_.resize(copied_at_once);
  std::uint64_t at = held.offset;
  const auto copy = [&](std::uint64_t size, auto&& give) -> std::error_code {
    for (const std::uint64_t end = at + size; at < end;) {
      const auto length =
          static_cast<std::size_t>(std::min<std::uint64_t>(end - at, copied_at_once));
      const auto got = app::read_at(fd_.get(), std::span(buffer_).first(length), at);
      if (!got) return got.error();
      if (*got == 0)
        return std::make_error_code(std::errc::io_error);  // we wrote it: it must be there
      at += *got;
      if (const auto error = give(std::string_view(buffer_.data(), *got))) return error;
    }
    return {};
  };
  const auto to_stream = [&](stream which) {
    return [&to, which](std::string_view bytes) { return to.write(which, bytes); };
  };
  if (const auto error = copy(held.output_size, to_stream(stream::output))) return error;
  if (const auto error = copy(held.error_size, to_stream(stream::error))) return error;
  log_line.clear();
  const auto error = copy(held.log_size, [&](std::string_view bytes) {
    log_line += bytes;
    return std::error_code{};
  });
  forget(held);
  if (--held_ == 0) {
    end_ = 0;
    if (::ftruncate(fd_.get(), 0) != 0) return app::last_error();
  }
  return error;
}

}  // namespace millpool::run
