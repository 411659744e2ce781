#include "apps/support/flags.hpp"

#include "apps/support/io.hpp"

#include <CLI/CLI.hpp>

#include <map>
#include <unistd.h>
#include <utility>

namespace millpool::app {
namespace {

// CLI11 speaks in several voices ("--jobs: 1 required TEXT missing"); ours says one sentence.
[[nodiscard]] std::string sentence(const CLI::ParseError& error) {
  std::string text = error.what();
  if (error.get_name() == "ArgumentMismatch") {
    const auto name_end = text.find(':');
    const bool two = text.find("2 required") != std::string::npos;
    return "the flag " + text.substr(0, name_end) + (two ? " needs two values" : " needs a value");
  }
  return text;
}

}  // namespace

struct flags::body {
  CLI::App app;
  std::string program;
  std::string description;
  std::string usage;
  std::string epilogue;
  std::string group = "Flags";
  words others;
  // How each option's values are taken, all at once for one occurrence.
  using occurrence = std::function<wrong(const std::string* values)>;
  struct valued {
    std::string name;
    std::size_t size;  // values an occurrence
    occurrence take;
    std::size_t seen = 0;
  };
  std::map<const CLI::Option*, valued> values;

  void add(const std::string& names, const std::string& value_name, std::size_t size,
           occurrence take, const std::string& help) {
    CLI::Option* const option = app.add_option(
        names, [](const CLI::results_t&) { return true; }, help);
    option->type_name(value_name)
        ->group(group)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)  // each in turn, not an error
        ->type_size(static_cast<int>(size))
        ->allow_extra_args(false);  // one occurrence has no more than its own
    values.emplace(option, valued{names.substr(names.rfind(',') + 1), size, std::move(take)});
  }

  // \return what is wrong.
  wrong take_values() {
    for (const CLI::Option* option : app.parse_order()) {
      const auto found = values.find(option);
      if (found == values.end()) continue;
      valued& one = found->second;
      // It is listed once a value.
      if (++one.seen % one.size != 0) continue;
      const std::string* const values_of = &option->results()[one.seen - one.size];
      if (auto bad = one.take(values_of)) return one.name + ": " + *bad;
    }
    return std::nullopt;
  }
};

flags::flags(std::string program, std::string description, std::string usage, words others)
    : body_(std::make_unique<body>()) {
  body_->description = std::move(description);
  body_->program = std::move(program);
  body_->usage = std::move(usage);
  body_->app.set_help_flag();  // ours, so that it can stand in a group
  body_->others = others;
  if (others == words::end_flags) {
    body_->app.prefix_command();
  } else {
    body_->app.allow_extras();
  }
}

flags::~flags() = default;

void flags::group(std::string title) { body_->group = std::move(title); }

void flags::epilogue(std::string text) { body_->epilogue = std::move(text); }

void flags::toggle(const std::string& names, bool& target, const std::string& help) {
  body_->app.add_flag(names, target, help)->group(body_->group);
}

void flags::value(const std::string& names, const std::string& value_name, taker take,
                  const std::string& help) {
  body_->add(
      names, value_name, 1,
      [take = std::move(take)](const std::string* values) { return take(values[0]); }, help);
}

void flags::pair(const std::string& names, const std::string& value_names, pair_taker take,
                 const std::string& help) {
  body_->add(
      names, value_names, 2,
      [take = std::move(take)](const std::string* values) { return take(values[0], values[1]); },
      help);
}

flags::outcome flags::parse(int argc, const char* const* argv) {
  bool help = false;
  bool version = false;
  group("About");
  toggle("--version", version, "Print the version and exit");
  toggle("-h,--help", help, "Show this and exit");
  outcome out;
  try {
    body_->app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (!help) {
      out.exit = 2;
      out.text = sentence(error);
      return out;
    }
  }
  if (help) {
    out.exit = 0;
    CLI::Formatter formatter;
    formatter.column_width(30);
    std::string groups = formatter.make_groups(&body_->app, CLI::AppFormatMode::Normal);
    for (std::size_t at; (at = groups.find("\n\n\n")) != std::string::npos;) groups.erase(at, 1);
    out.text = body_->description + "\n\nUsage: " + body_->usage + "\n" + groups + body_->epilogue;
    return out;
  }
  if (auto bad = body_->take_values()) {
    out.exit = 2;
    out.text = std::move(*bad);
    return out;
  }
  bool are_flags = true;
  for (std::string& word : body_->app.remaining()) {
    if (are_flags && word == "--") {
      are_flags = false;
      continue;
    }
    if (are_flags && word.size() > 1 && word.front() == '-') {
      out.exit = 2;
      out.text = "unknown flag " + word + " (--help lists them)";
      return out;
    }
    if (body_->others == words::end_flags) are_flags = false;
    out.rest.push_back(std::move(word));
  }
  if (version) {
    out.exit = 0;
    out.text = "millpool " MILLPOOL_VERSION "\n";
  }
  return out;
}

int end_at_once(std::string_view program, int exit, std::string_view text) {
  if (exit != 0) {
    complain(program, text);
    return exit;
  }
  if (const auto error = write_all(STDOUT_FILENO, text)) {
    complain(program, "cannot write to standard output: " + error.message());
    return 2;
  }
  return exit;
}

}  // namespace millpool::app
