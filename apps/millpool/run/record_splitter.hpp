#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace millpool::run {

/// Cuts a stream of bytes into records that end in a separator. The last one needs none.
///
/// Memory  the longest record and one read; what a giant record took is given back after it.
class record_splitter {
 public:
  explicit record_splitter(char separator) : separator_(separator) {}

  /// The next whole record, without its separator. Valid until the next call of room().
  [[nodiscard]] std::optional<std::string_view> next();

  /// Where the next bytes are to be written; commit() says how many were. At least one read's
  /// worth.
  [[nodiscard]] std::span<char> room();
  void commit(std::size_t bytes) { end_ += bytes; }

  /// No bytes will follow: what is left is the last record.
  void finish() { finished_ = true; }
  [[nodiscard]] bool at_end() const noexcept { return finished_ && begin_ == end_; }

 private:
  std::vector<char> buffer_;
  std::size_t begin_ = 0;    // the first byte that belongs to no record yet
  std::size_t scanned_ = 0;  // there is no separator in [begin_, scanned_)
  std::size_t end_ = 0;      // one past the last byte that was read
  bool finished_ = false;
  char separator_;
};

}  // namespace millpool::run
