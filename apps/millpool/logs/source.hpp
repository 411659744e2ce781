#pragma once

#include "apps/millpool/logs/decoder.hpp"
#include "apps/support/unique_fd.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millpool::logs {

/// The first line of a text, without '\r' and '\n'.
struct leading_line {
  std::string_view line;
  std::size_t size_with_newline = 0;  ///< 0: the text is empty
};
[[nodiscard]] leading_line first_line(std::string_view text) noexcept;

/// What is taken from a file at a time; also the length from which on a line is too long.
inline constexpr std::size_t block_size = std::size_t{1} << 21;

/// The begin of a file, by which it is known again under another name.
struct file_head {
  static constexpr std::uint64_t most = 4096;
  std::uint64_t size = 0;  ///< of what is hashed, at most `most`; 0: it cannot be known again
  std::uint64_t hash = 0;
  bool operator==(const file_head&) const = default;
};
/// Of the first `size` bytes. A file that cannot be read, or is shorter, has another one.
[[nodiscard]] file_head head_of(int fd, std::uint64_t size);

class source;

/// Whole lines of one source, in a buffer that its owner uses again and again: about 2 MiB, and
/// never more than six.
///
/// Thread safety  none: one a worker.
class block {
 public:
  std::string_view lines;      ///< padded: see text_scan.hpp
  std::uint64_t offset = 0;    ///< of the first, in the decompressed source
  std::uint64_t consumed = 0;  ///< bytes of the file that went into it, for a bar
  std::string problem;         ///< why there is less than there should be
  struct overlong {
    std::uint64_t offset;
    std::string_view begin;
  };
  std::optional<overlong> too_long;  ///< behind the lines: one that fits in no block

  /// Room for `size` bytes and padding, aligned to 64 bytes; those that are there stay.
  [[nodiscard]] char* reserve(std::size_t size);
  void clear() noexcept;
  /// Reads what was claimed, if claim() has not. Concurrently with the next claim.
  void load();

 private:
  friend class plain_source;
  std::unique_ptr<char[]> memory_;
  char* bytes_ = nullptr;  // in it, aligned
  std::size_t size_ = 0;
  std::shared_ptr<const source> from_;  // what was claimed is still to be loaded from it
  std::uint64_t end_ = 0;
};

/// Where an input is read from, in blocks of whole lines.
///
/// Thread safety  load() may be called concurrently, for different blocks; the others by one thread
///                at a time.
class source {
 public:
  virtual ~source() = default;
  source(const source&) = delete;
  source& operator=(const source&) = delete;

  /// Takes the next block. Waits for input where that is a pipe. \return false: there is no more.
  [[nodiscard]] virtual bool claim(block& into) = 0;
  /// Reads what was claimed, if claim() has not. What a plain file has can so be read in parallel.
  virtual void load(block& into) const { (void)into; }

  /// The first lines, as many as are at hand, at most 64 KiB. Before the first claim().
  [[nodiscard]] virtual std::string_view peek() = 0;
  /// Leaves the first line out, which peek() has shown.
  virtual void skip_line(std::size_t size_with_newline) = 0;
  /// Leaves out what is before `offset`, in the decompressed source.
  virtual void skip_to(std::uint64_t offset) = 0;
  /// All before it was claimed.
  [[nodiscard]] virtual std::uint64_t position() const noexcept = 0;
  /// Of the file as it lies on the disk, as far as it was claimed.
  [[nodiscard]] virtual file_head head() const = 0;

 protected:
  source() = default;
};

/// A file of a fixed size: workers read it at different places. It may grow: see refresh().
class plain_source final : public source, public std::enable_shared_from_this<plain_source> {
 public:
  /// \param  whole_lines  what is behind the last newline is left for later.
  plain_source(app::unique_fd fd, std::uint64_t begin, std::uint64_t size, bool whole_lines);

  [[nodiscard]] bool claim(block& into) override;
  void load(block& into) const override;
  [[nodiscard]] std::string_view peek() override;
  void skip_line(std::size_t size_with_newline) override {
    begin_ = at_ = begin_ + size_with_newline;
  }
  void skip_to(std::uint64_t offset) override { at_ = std::clamp(offset, begin_, end_); }
  [[nodiscard]] std::uint64_t position() const noexcept override { return at_; }

  [[nodiscard]] file_head head() const override {
    return head_of(fd_.get(), std::min(at_, file_head::most));
  }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// Whether something is behind the last whole line.
  [[nodiscard]] bool has_unfinished_line() const noexcept { return size_ > end_; }
  enum class change : std::uint8_t { none, more, cut };
  /// Looks for what was appended. \return `more` where there is a whole line more, or, with `all`,
  /// whatever is there; `cut` where the file has become shorter.
  [[nodiscard]] change refresh(bool all);

 private:
  [[nodiscard]] std::uint64_t whole_lines_end(std::uint64_t from, std::uint64_t size) const;

  app::unique_fd fd_;
  std::uint64_t begin_;  // a line begins here
  std::uint64_t at_;     // the next block begins with the first line that begins here or later
  std::uint64_t end_;
  std::uint64_t size_;  // of the file, when it was last looked at
  std::string peeked_;
};

/// What can only be read in order: a pipe, or compressed data.
class stream_source final : public source {
 public:
  stream_source(std::unique_ptr<decoder> from, const file_head& head)
      : from_{std::move(from)}, head_{head} {}

  [[nodiscard]] bool claim(block& into) override;
  [[nodiscard]] std::string_view peek() override;
  void skip_line(std::size_t size_with_newline) override;
  void skip_to(std::uint64_t offset) override { skip_to_ = offset; }
  [[nodiscard]] std::uint64_t position() const noexcept override { return offset_; }
  [[nodiscard]] file_head head() const override { return head_; }

 private:
  void skip_bytes(block& into);
  [[nodiscard]] bool drop_rest_of_line(char* bytes, std::size_t& size);
  void deliver(block& into, const char* bytes, std::size_t size);

  std::unique_ptr<decoder> from_;
  file_head head_;
  std::string carry_;  // what was read and not delivered; it begins at offset_
  std::uint64_t offset_ = 0;
  std::uint64_t skip_to_ = 0;
  std::uint64_t consumed_ = 0;
  bool drops_line_ = false;  // in the middle of one that is too long
  bool ended_ = false;
  std::string problem_;
};

/// Opens a file, or standard input for "-". \param  stop_fd  see byte_source.
/// \param  whole_lines  see plain_source.
/// \return what went wrong, without the path.
[[nodiscard]] std::expected<std::shared_ptr<source>, std::string> open_source(
    const std::string& path, int stop_fd, bool whole_lines);

}  // namespace millpool::logs
