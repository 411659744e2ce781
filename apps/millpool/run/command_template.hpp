#pragma once

#include "apps/millpool/run/argv_buffer.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::run {

/// What a template is filled with.
struct job_input {
  std::uint64_t seq = 0;          ///< 1, 2, 3 in the order of the input
  std::vector<std::string> args;  ///< {1}, {2}, ...: `{}` is all of them
};

/// What becomes of an argument on its way into the command.
enum class arg_part : std::uint8_t {
  whole,              ///< {}    dir/name.ext
  no_extension,       ///< {.}   dir/name
  base,               ///< {/}   name.ext
  directory,          ///< {//}  dir
  base_no_extension,  ///< {/.}  name
};

/// The part of `arg`, cut as GNU parallel cuts it.
[[nodiscard]] std::string_view part_of(std::string_view arg, arg_part part);

/// One word of a template: literal text and placeholders, split once.
class word_template {
 public:
  /// \param replacement  what stands for `{}`: -I names another.
  explicit word_template(std::string_view text, std::string_view replacement = "{}");

  [[nodiscard]] bool has_placeholder() const noexcept { return has_placeholder_; }
  [[nodiscard]] bool has_slot() const noexcept;
  /// Nothing but one placeholder for all arguments: it becomes one word an argument.
  [[nodiscard]] bool spreads() const noexcept;

  /// How an argument is written where it is put in.
  using quote_fn = void (*)(std::string& out, std::string_view arg);
  void fill(std::string& out, const job_input& job, unsigned slot, quote_fn quote) const;
  void fill_one(std::string& out, const job_input& job, std::size_t arg) const;

 private:
  enum class kind : std::uint8_t { literal, all_args, one_arg, seq, slot };
  struct piece {
    kind what = kind::literal;
    arg_part part = arg_part::whole;
    int index = 0;  // one_arg: 1 is the first, -1 the last
    std::string text;
  };
  [[nodiscard]] static std::size_t match(std::string_view text, std::string_view replacement,
                                         piece& out);

  std::vector<piece> pieces_;
  bool has_placeholder_ = false;
};

/// A command with holes, such as `gzip -t {}`.
///
/// It is a list of words from beginning to end: an argument with spaces, quotes or newlines stays
/// inside its word, and no shell reads it. With a shell (below) the words are joined to one script,
/// and what is put into it is quoted.
/// Thread safety  const members may be called concurrently.
class command_template {
 public:
  /// \param shell  the program that runs the script; empty: no shell.
  /// Without any placeholder, `{}` is appended.
  command_template(const std::vector<std::string>& words, std::string_view replacement,
                   std::string shell);

  /// The words to run.
  void fill(argv_buffer& out, const job_input& job, unsigned slot) const;
  /// The same for people, joblogs and --dry-run: a line that a shell would run alike.
  void describe(std::string& out, const argv_buffer& filled) const;

  /// The program, if every job has the same; empty otherwise.
  [[nodiscard]] const std::string& fixed_program() const noexcept { return fixed_program_; }
  /// Whether {%} is in it: then a job's command is not the same in every run.
  [[nodiscard]] bool depends_on_slot() const noexcept;

 private:
  std::vector<word_template> words_;
  std::string shell_;
  std::string fixed_program_;
};

}  // namespace millpool::run
