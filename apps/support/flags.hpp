#pragma once

#include "apps/support/units.hpp"

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millpool::app {

/// What is wrong with a flag's value, if anything.
using wrong = std::optional<std::string>;

/// Puts a value that was parsed where it belongs.
template <class T>
[[nodiscard]] wrong put(std::expected<T, std::string> parsed, T& target) {
  if (!parsed) return std::move(parsed).error();
  target = *std::move(parsed);
  return std::nullopt;
}

/// The same for a number from 1 to `most`.
template <class T>
[[nodiscard]] wrong put_count(const std::string& text, std::uint64_t most, T& target) {
  const auto parsed = parse_count(text);
  if (!parsed) return parsed.error();
  if (*parsed == 0 || *parsed > most) {
    return "'" + text + "' is not between 1 and " + std::to_string(most);
  }
  target = static_cast<T>(*parsed);
  return std::nullopt;
}

/// A subcommand's flags: what they are called, what they do to the caller's variables, how --help
/// shows them. Values are taken in the order in which they stand on the command line.
///
/// CLI11 lives behind this class: it costs seconds of compile time in each file that includes it.
class flags {
 public:
  /// \param usage  the lines after "usage: ".
  /// \param words  whether flags end at the first word that is none, so that a command's own flags
  ///               stay the command's; or may stand behind such words, too, up to a "--".
  enum class words : std::uint8_t { end_flags, among_flags };
  flags(std::string program, std::string description, std::string usage,
        words others = words::end_flags);
  ~flags();
  flags(const flags&) = delete;
  flags& operator=(const flags&) = delete;

  /// The flags that follow are listed under this heading.
  void group(std::string title);
  /// Printed below the flags.
  void epilogue(std::string text);

  /// `names` as in "-k,--keep-order".
  void toggle(const std::string& names, bool& target, const std::string& help);
  /// A flag with one value. May be given again; `take` sees each value in turn.
  using taker = std::function<wrong(const std::string& value)>;
  void value(const std::string& names, const std::string& value_name, taker take,
             const std::string& help);
  /// A flag with two values.
  using pair_taker = std::function<wrong(const std::string& first, const std::string& second)>;
  void pair(const std::string& names, const std::string& value_names, pair_taker take,
            const std::string& help);

  /// What the command line asks for.
  struct outcome {
    std::optional<int> exit;  ///< end now, with this status: --help, --version (0), bad input (2)
    std::string text;         ///< then: what to say, on standard output or standard error
    std::vector<std::string>
        rest;  ///< else: the words from the first that is no flag, or those that are none
  };
  [[nodiscard]] outcome parse(int argc, const char* const* argv);

 private:
  struct body;
  std::unique_ptr<body> body_;
};

/// Ends a program as its command line asks: says `text`, on standard output if `exit` is 0, else on
/// standard error. \return the exit status.
[[nodiscard]] int end_at_once(std::string_view program, int exit, std::string_view text);

}  // namespace millpool::app
