#include "apps/millpool/run/command_template.hpp"

#include "apps/millpool/run/shell_quote.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace millpool::run {
namespace {

void append_plain(std::string& out, std::string_view arg) { out.append(arg); }

[[nodiscard]] std::string_view without_extension(std::string_view path) {
  const auto dot = path.find_last_of("./");
  return dot != std::string_view::npos && path[dot] == '.' ? path.substr(0, dot) : path;
}

[[nodiscard]] std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// As dirname(3): trailing slashes do not count, and what has no directory lies in ".".
[[nodiscard]] std::string_view directory_name(std::string_view path) {
  const auto last = path.find_last_not_of('/');
  if (last == std::string_view::npos) return path.empty() ? "." : "/";
  const auto slash = path.substr(0, last + 1).rfind('/');
  if (slash == std::string_view::npos) return ".";
  const auto end = path.substr(0, slash).find_last_not_of('/');
  return end == std::string_view::npos ? "/" : path.substr(0, end + 1);
}

// {1}, {-1}: the argument, or nothing where there are not so many.
[[nodiscard]] std::string_view pick(const std::vector<std::string>& args, int index) {
  const auto count = static_cast<int>(args.size());
  const int at = index > 0 ? index - 1 : count + index;
  return at >= 0 && at < count ? std::string_view(args[static_cast<std::size_t>(at)])
                               : std::string_view{};
}

}  // namespace

std::string_view part_of(std::string_view arg, arg_part part) {
  switch (part) {
    case arg_part::whole:
      return arg;
    case arg_part::no_extension:
      return without_extension(arg);
    case arg_part::base:
      return base_name(arg);
    case arg_part::directory:
      return directory_name(arg);
    case arg_part::base_no_extension:
      return without_extension(base_name(arg));
  }
  return arg;
}

// A placeholder at the beginning of `text`: how many bytes it takes, 0 if there is none.
std::size_t word_template::match(std::string_view text, std::string_view replacement, piece& out) {
  if (text.starts_with(replacement)) {
    out.what = kind::all_args;
    return replacement.size();
  }
  const auto close = text.find('}');
  if (text.front() != '{' || close == std::string_view::npos) return 0;
  std::string_view inside = text.substr(1, close - 1);
  if (inside.empty()) return 0;  // `{}` where -I named another
  if (inside == "#" || inside == "%") {
    out.what = inside == "#" ? kind::seq : kind::slot;
    return close + 1;
  }
  out.what = kind::all_args;
  const auto [end, error] =
      std::from_chars(inside.data(), inside.data() + inside.size(), out.index);
  if (error == std::errc{} && out.index != 0) {
    out.what = kind::one_arg;
    inside.remove_prefix(static_cast<std::size_t>(end - inside.data()));
  }
  constexpr std::pair<std::string_view, arg_part> parts[] = {{"", arg_part::whole},
                                                             {".", arg_part::no_extension},
                                                             {"/", arg_part::base},
                                                             {"//", arg_part::directory},
                                                             {"/.", arg_part::base_no_extension}};
  const auto found =
      std::find_if(std::begin(parts), std::end(parts), [&](auto& p) { return p.first == inside; });
  if (found == std::end(parts)) return 0;
  out.part = found->second;
  return close + 1;
}

word_template::word_template(std::string_view text, std::string_view replacement) {
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) pieces_.push_back({.text = std::exchange(literal, {})});
  };
  while (!text.empty()) {
    piece found;
    const std::size_t length = match(text, replacement, found);
    if (length == 0) {
      literal += text.front();
      text.remove_prefix(1);
      continue;
    }
    flush();
    pieces_.push_back(std::move(found));
    has_placeholder_ = true;
    text.remove_prefix(length);
  }
  flush();
}

bool word_template::has_slot() const noexcept {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const piece& p) { return p.what == kind::slot; });
}

bool word_template::spreads() const noexcept {
  return pieces_.size() == 1 && pieces_.front().what == kind::all_args;
}

void word_template::fill_one(std::string& out, const job_input& job, std::size_t arg) const {
  out.append(part_of(job.args[arg], pieces_.front().part));
}

void word_template::fill(std::string& out, const job_input& job, unsigned slot,
                         quote_fn quote) const {
  for (const piece& each : pieces_) {
    switch (each.what) {
      case kind::literal:
        out.append(each.text);
        break;
      case kind::seq:
        out.append(std::to_string(job.seq));
        break;
      case kind::slot:
        out.append(std::to_string(slot));
        break;
      case kind::one_arg:
        quote(out, part_of(pick(job.args, each.index), each.part));
        break;
      case kind::all_args:
        for (std::size_t i = 0; i < job.args.size(); ++i) {
          if (i > 0) out += ' ';
          quote(out, part_of(job.args[i], each.part));
        }
        break;
    }
  }
}

command_template::command_template(const std::vector<std::string>& words,
                                   std::string_view replacement, std::string shell)
    : shell_(std::move(shell)) {
  const auto parse = [&](std::string_view text) { return word_template(text, replacement); };
  std::vector<std::string> all = words;
  if (std::none_of(all.begin(), all.end(),
                   [&](auto& word) { return parse(word).has_placeholder(); })) {
    all.emplace_back(replacement);
  }
  if (shell_.empty()) {
    for (const std::string& word : all) words_.push_back(parse(word));
    if (!words_.front().has_placeholder()) fixed_program_ = all.front();
    return;
  }
  std::string script;
  for (const std::string& word : all) {
    if (!script.empty()) script += ' ';
    script += word;
  }
  // A job's whole script comes from the input when no command was given: then it is not quoted.
  words_.push_back(parse(script));
  fixed_program_ = shell_;
}

void command_template::fill(argv_buffer& out, const job_input& job, unsigned slot) const {
  out.clear();
  std::string word;
  if (!shell_.empty()) {
    const bool is_script = words_.front().spreads();
    words_.front().fill(word, job, slot, is_script ? append_plain : append_shell_quoted);
    out.push_back(shell_);
    out.push_back("-c");
    out.push_back(word);
    return;
  }
  for (const word_template& each : words_) {
    const std::size_t count = each.spreads() ? job.args.size() : 1;
    for (std::size_t i = 0; i < count; ++i) {
      word.clear();
      if (each.spreads()) {
        each.fill_one(word, job, i);
      } else {
        each.fill(word, job, slot, append_plain);
      }
      out.push_back(word);
    }
  }
}

bool command_template::depends_on_slot() const noexcept {
  return std::any_of(words_.begin(), words_.end(),
                     [](const word_template& word) { return word.has_slot(); });
}

void command_template::describe(std::string& out, const argv_buffer& filled) const {
  if (!shell_.empty()) {
    out.append(filled[2]);
    return;
  }
  for (std::size_t i = 0; i < filled.size(); ++i) {
    if (i > 0) out += ' ';
    append_shell_quoted(out, filled[i]);
  }
}

}  // namespace millpool::run
