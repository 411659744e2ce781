#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::app {

/// A subcommand's flags: what they are called, what they do to the caller's variables, how --help
/// shows them. Parsing stops at the first word that is no flag, so a command's own flags stay the
/// command's.
///
/// CLI11 lives behind this class: it costs seconds of compile time in each file that includes it.
class flags {
 public:
  /// \param usage  the lines after "usage: ".
  flags(std::string program, std::string description, std::string usage);
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
  /// \param take  returns nothing, or what is wrong with the value.
  using taker = std::function<std::optional<std::string>(const std::string& value)>;
  void value(const std::string& names, const std::string& value_name, taker take,
             const std::string& help);

  /// What the command line asks for.
  struct outcome {
    std::optional<int> exit;        ///< end now, with this status: --help (0), bad input (2)
    std::string text;               ///< then: what to say, on standard output or standard error
    std::vector<std::string> rest;  ///< else: the words from the first that is no flag
  };
  [[nodiscard]] outcome parse(int argc, const char* const* argv);

 private:
  struct body;
  std::unique_ptr<body> body_;
};

}  // namespace millpool::app
