#include "apps/millpool/logs/source.hpp"

#include "apps/millpool/logs/hash.hpp"
#include "apps/millpool/logs/text_scan.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace millpool::logs {
namespace {

constexpr std::size_t peek_size = std::size_t{64} * 1024;
constexpr std::size_t line_tail = std::size_t{16} * 1024;  // read at once behind a block
constexpr std::size_t block_alignment = 64;

[[nodiscard]] const char* last_newline(const char* begin, std::size_t size) noexcept {
  return static_cast<const char*>(::memrchr(begin, '\n', size));
}

// Reads [from, from + size), less where the file ends before. \return the bytes read.
[[nodiscard]] std::size_t read_fully(int fd, char* to, std::size_t size, std::uint64_t from,
                                     std::string& problem) {
  std::size_t done = 0;
  while (done < size) {
    const auto got = app::read_at(fd, {to + done, size - done}, from + done);
    if (!got) {
      problem = "cannot read at byte " + std::to_string(from + done) + ": " + got.error().message();
      break;
    }
    if (*got == 0) {
      problem = "it shrank while it was read";
      break;
    }
    done += *got;
  }
  return done;
}

}  // namespace

file_head head_of(int fd, std::uint64_t size) {
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::string problem;
  bytes.resize(read_fully(fd, bytes.data(), bytes.size(), 0, problem));
  if (bytes.empty()) return {};
  return {bytes.size(), hash_of(bytes)};
}

// ---- block

char* block::reserve(std::size_t size) {
  if (size > size_) {
    std::size_t space = size + scan_padding + block_alignment;
    auto larger = std::make_unique_for_overwrite<char[]>(space);
    void* at = larger.get();
    char* const bytes =
        static_cast<char*>(std::align(block_alignment, size + scan_padding, at, space));
    if (size_ > 0) std::memcpy(bytes, bytes_, size_);
    // The padding is read, and decides nothing; but tools that look for such reads want a value.
    std::memset(bytes + size, 0, scan_padding);
    memory_ = std::move(larger);
    bytes_ = bytes;
    size_ = size;
  }
  return bytes_;
}

void block::clear() noexcept {
  lines = {};
  offset = consumed = 0;
  problem.clear();
  too_long.reset();
  from_.reset();
}

void block::load() {
  if (from_ != nullptr) from_->load(*this);
}

leading_line first_line(std::string_view text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return {line, std::min(end + 1, text.size())};
}

// ---- plain_source

plain_source::plain_source(app::unique_fd fd, std::uint64_t begin, std::uint64_t size,
                           bool whole_lines)
    : fd_{std::move(fd)}, begin_{begin}, at_{begin}, end_{std::max(begin, size)}, size_{size} {
  if (whole_lines) end_ = whole_lines_end(begin_, end_);
}

// Where the last line ends that is whole, at least `from`.
std::uint64_t plain_source::whole_lines_end(std::uint64_t from, std::uint64_t size) const {
  char bytes[4096];
  std::string problem;
  while (size > from) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(sizeof bytes, size - from));
    const std::size_t got = read_fully(fd_.get(), bytes, count, size - count, problem);
    if (const char* const newline = last_newline(bytes, got)) {
      return size - count + static_cast<std::uint64_t>(newline - bytes) + 1;
    }
    size -= count;
  }
  return from;
}

plain_source::change plain_source::refresh(bool all) {
  struct stat now {};
  if (::fstat(fd_.get(), &now) != 0) return change::none;
  const std::uint64_t size = std::exchange(size_, static_cast<std::uint64_t>(now.st_size));
  if (size_ < size) return change::cut;
  const std::uint64_t before = end_;
  if (size_ > end_) end_ = all ? size_ : whole_lines_end(end_, size_);
  return end_ > before ? change::more : change::none;
}

std::string_view plain_source::peek() {
  peeked_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(peek_size, end_ - begin_)));
  std::string problem;
  peeked_.resize(read_fully(fd_.get(), peeked_.data(), peeked_.size(), begin_, problem));
  return peeked_;
}

bool plain_source::claim(block& into) {
  into.clear();
  if (at_ >= end_) return false;
  into.offset = at_;
  into.end_ = std::min(at_ + block_size, end_);
  into.consumed = into.end_ - at_;
  into.from_ = shared_from_this();
  at_ = into.end_;
  return true;
}

// The lines that begin in [offset, end_) of the block; the last may end behind it.
void plain_source::load(block& into) const {
  const std::uint64_t to = into.end_;
  // The byte before says whether a line begins at `offset`.
  const std::uint64_t from = into.offset > begin_ ? into.offset - 1 : into.offset;
  const auto size = static_cast<std::size_t>(to - from);
  auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size + line_tail, end_ - from));
  // As far from an aligned address as it is in the file: the kernel copies some four times faster.
  const auto lead = static_cast<std::size_t>(from % block_alignment);
  char* bytes = into.reserve(lead + wanted) + lead;
  std::size_t got = read_fully(fd_.get(), bytes, wanted, from, into.problem);

  const char* first = bytes;
  if (from < into.offset) {
    first = find_line_end(bytes, bytes + std::min(got, size)) + 1;
    if (first - bytes >= static_cast<std::ptrdiff_t>(size) || first > bytes + got) {
      return;  // no line begins in it
    }
  }
  const auto skipped = static_cast<std::size_t>(first - bytes);
  // The last line ends with the first newline at to - 1 or later.
  std::size_t searched = std::min(size - 1, got);
  const char* const before = last_newline(bytes + skipped, std::max(searched, skipped) - skipped);
  const std::size_t last_begin =
      before != nullptr ? static_cast<std::size_t>(before - bytes) + 1 : skipped;
  std::size_t end = got;
  for (;;) {
    const char* const newline = find_line_end(bytes + searched, bytes + got);
    end = std::min(static_cast<std::size_t>(newline - bytes) + 1, got);
    const bool has_ended = newline < bytes + got || from + got >= end_ || got < wanted;
    if (has_ended || got - last_begin > block_size) break;
    searched = got;
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(got + block_size, end_ - from));
    bytes = into.reserve(lead + wanted) + lead;
    got += read_fully(fd_.get(), bytes + got, wanted - got, from + got, into.problem);
  }
  if (end - last_begin > block_size) {
    into.too_long = block::overlong{from + last_begin, {bytes + last_begin, block_size}};
    end = last_begin;
  }
  into.offset = from + skipped;
  into.lines = {bytes + skipped, end - skipped};
}

// ---- stream_source

std::string_view stream_source::peek() {
  while (carry_.size() < peek_size && !ended_ && carry_.find('\n') == std::string::npos) {
    const std::size_t before = carry_.size();
    carry_.resize(peek_size);
    const auto piece = from_->read({carry_.data() + before, carry_.size() - before});
    carry_.resize(before + piece.size);
    problem_ = piece.problem;
    ended_ = piece.at_end || !piece.problem.empty();
  }
  return carry_;
}

void stream_source::skip_line(std::size_t size_with_newline) {
  carry_.erase(0, size_with_newline);
  offset_ += size_with_newline;
}

// What an earlier run has counted is decoded again, and dropped.
void stream_source::skip_bytes(block& into) {
  while (offset_ < skip_to_ && !(ended_ && carry_.empty())) {
    const std::uint64_t left = skip_to_ - offset_;
    if (!carry_.empty()) {
      const auto dropped = static_cast<std::size_t>(std::min<std::uint64_t>(left, carry_.size()));
      carry_.erase(0, dropped);
      offset_ += dropped;
      continue;
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, block_size));
    const auto piece = from_->read({into.reserve(block_size), count});
    offset_ += piece.size;
    problem_ = piece.problem;
    ended_ = piece.at_end || !piece.problem.empty();
  }
}

// \return whether the line's end was found; the rest of the bytes is then moved to the front.
bool stream_source::drop_rest_of_line(char* bytes, std::size_t& size) {
  const char* const newline = find_line_end(bytes, bytes + size);
  const bool found = newline < bytes + size;
  const std::size_t dropped = static_cast<std::size_t>(newline - bytes) + (found ? 1 : 0);
  std::memmove(bytes, bytes + dropped, size - dropped);
  offset_ += dropped;
  size -= dropped;
  drops_line_ = !found;
  return found;
}

bool stream_source::claim(block& into) {
  into.clear();
  skip_bytes(into);
  char* const bytes = into.reserve(block_size);
  std::size_t size = carry_.size();
  std::copy(carry_.begin(), carry_.end(), bytes);
  carry_.clear();
  // Until there is a line's end, which peek() may have found, or no room for one.
  bool has_line = last_newline(bytes, size) != nullptr;
  while (!ended_ && !has_line && size < block_size) {
    const auto piece = from_->read({bytes + size, block_size - size});
    size += piece.size;
    problem_ = piece.problem;
    ended_ = piece.at_end || !piece.problem.empty();
    if (drops_line_) (void)drop_rest_of_line(bytes, size);
    has_line = !drops_line_ && last_newline(bytes, size) != nullptr;
  }
  if (size == 0 && problem_.empty() && ended_) return false;
  deliver(into, bytes, size);
  return true;
}

void stream_source::deliver(block& into, const char* bytes, std::size_t size) {
  const char* const last = last_newline(bytes, size);
  std::size_t whole = last != nullptr ? static_cast<std::size_t>(last - bytes) + 1 : 0;
  if (ended_) whole = size;
  into.offset = offset_;
  into.lines = {bytes, whole};
  if (whole == 0 && size == block_size) {
    into.too_long = block::overlong{offset_, {bytes, size}};
    drops_line_ = true;
    whole = size;
  }
  carry_.assign(bytes + whole, size - whole);
  offset_ += whole;
  into.consumed = from_->consumed() - consumed_;
  consumed_ = from_->consumed();
  into.problem = std::exchange(problem_, {});
}

// ---- open_source

std::expected<std::shared_ptr<source>, std::string> open_source(const std::string& path,
                                                                int stop_fd, bool whole_lines) {
  const bool standard_input = path == "-";
  app::unique_fd fd{standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                   : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return std::unexpected(app::last_error().message());
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return std::unexpected(app::last_error().message());
  if (S_ISDIR(about.st_mode)) return std::unexpected("it is a directory");
  const bool regular = S_ISREG(about.st_mode);

  std::string begin(4, '\0');
  if (regular) {
    const off_t at = ::lseek(fd.get(), 0, SEEK_CUR);
    const auto offset = at > 0 ? static_cast<std::uint64_t>(at) : 0;
    const auto read = app::read_at(fd.get(), begin, offset);
    if (!read) return std::unexpected("cannot read: " + read.error().message());
    begin.resize(*read);
    const auto size = static_cast<std::uint64_t>(about.st_size);
    // Files under /proc say that they are empty.
    if (compression_of(begin) == compression::none && (size > 0 || begin.empty())) {
      return std::make_shared<plain_source>(std::move(fd), offset, size, whole_lines);
    }
  }
  const file_head head = regular ? head_of(fd.get(), file_head::most) : file_head{};
  byte_source rest{std::move(fd), regular ? -1 : stop_fd};
  // Pipes may bring the first four bytes one by one.
  std::size_t have = 0;
  begin.resize(4);
  while (have < begin.size()) {
    const auto read = rest.read({begin.data() + have, begin.size() - have});
    if (!read) return std::unexpected(read.error());
    if (*read == 0) break;
    have += *read;
  }
  begin.resize(have);
  const compression kind = compression_of(begin);
  return std::make_shared<stream_source>(make_decoder(kind, std::move(begin), std::move(rest)),
                                         head);
}

}  // namespace millpool::logs
