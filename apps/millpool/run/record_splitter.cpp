#include "apps/millpool/run/record_splitter.hpp"

#include <cstring>

namespace millpool::run {
namespace {

constexpr std::size_t read_size = 64 * 1024;

}  // namespace

std::optional<std::string_view> record_splitter::next() {
  const char* const begin = buffer_.data() + begin_;
  // memchr of nothing is not allowed to see the null data() of an empty vector.
  const void* const found =
      scanned_ < end_ ? std::memchr(buffer_.data() + scanned_, separator_, end_ - scanned_)
                      : nullptr;
  if (found != nullptr) {
    const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
    begin_ += length + 1;
    scanned_ = begin_;
    return std::string_view(begin, length);
  }
  scanned_ = end_;
  if (!finished_ || begin_ == end_) return std::nullopt;
  const std::string_view last(begin, end_ - begin_);
  begin_ = end_;
  return last;
}

std::span<char> record_splitter::room() {
  // Move the unfinished record to the front: once a read, so O(1) a byte unless records are giant.
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (end_ < read_size && buffer_.size() > 16 * read_size) {
    buffer_.resize(2 * read_size);
    buffer_.shrink_to_fit();
  }
  // Doubling keeps a giant record linear.
  if (buffer_.size() - end_ < read_size) buffer_.resize(buffer_.size() * 2 + read_size);
  return std::span(buffer_).subspan(end_);
}

}  // namespace millpool::run
