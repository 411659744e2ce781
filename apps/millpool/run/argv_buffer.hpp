#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::run {

/// The words of one command, in one block of memory that is used again for the next.
class argv_buffer {
 public:
  void clear() {
    bytes_.clear();
    begins_.clear();
  }
  void begin_word() { begins_.push_back(bytes_.size()); }
  void append(std::string_view text) { bytes_.append(text); }
  void end_word() { bytes_.push_back('\0'); }
  void push_back(std::string_view word) {
    begin_word();
    append(word);
    end_word();
  }

  [[nodiscard]] std::size_t size() const noexcept { return begins_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t i) const {
    const std::size_t end = i + 1 < begins_.size() ? begins_[i + 1] : bytes_.size();
    return std::string_view(bytes_).substr(begins_[i], end - begins_[i] - 1);
  }

  /// For exec: the words, then nullptr. One more slot lies in front, argv()[-1], so that a script
  /// that has no interpreter line can be handed to a shell without allocating. Valid until the next
  /// change.
  [[nodiscard]] char** argv() {
    pointers_.clear();
    pointers_.push_back(nullptr);
    for (const std::size_t begin : begins_) pointers_.push_back(bytes_.data() + begin);
    pointers_.push_back(nullptr);
    return pointers_.data() + 1;
  }

 private:
  std::string bytes_;                // every word and a NUL after each
  std::vector<std::size_t> begins_;  // in bytes_
  std::vector<char*> pointers_;
};

}  // namespace millpool::run
