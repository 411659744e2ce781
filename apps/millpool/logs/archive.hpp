#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millpool::logs {

/// Writes values one after the other, as this machine has them: for a checkpoint, which the same
/// program reads on the same machine.
class archive_writer {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void put(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text_.append(bytes, sizeof value);
  }
  void put(std::string_view value) {
    put<std::uint64_t>(value.size());
    text_.append(value);
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// Reads them back, in the same order. \throws std::runtime_error where the text ends too early.
class archive_reader {
 public:
  explicit archive_reader(std::string_view text) noexcept : rest_{text} {}

  template <class T>
  requires std::is_arithmetic_v<T>
  [[nodiscard]] T get() {
    const std::string_view bytes = take(sizeof(T));
    T value;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&value));
    return value;
  }
  /// A view of the archive.
  [[nodiscard]] std::string_view get_text() { return take(get<std::uint64_t>()); }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

  /// Inputs have other numbers now: see get_input().
  void renumber_inputs(std::vector<std::uint32_t> now) { numbers_ = std::move(now); }
  /// An input's number, as it is now.
  [[nodiscard]] std::uint32_t get_input() {
    const auto number = get<std::uint32_t>();
    if (number >= numbers_.size()) throw std::runtime_error{"it tells of an input that it lacks"};
    return numbers_[number];
  }

 private:
  [[nodiscard]] std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw std::runtime_error{"it ends too early"};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  std::vector<std::uint32_t> numbers_;
};

}  // namespace millpool::logs
