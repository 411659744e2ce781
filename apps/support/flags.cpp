#include "apps/support/flags.hpp"

#include <CLI/CLI.hpp>

namespace millpool::app {
namespace {

// CLI11 speaks in several voices ("--jobs: 1 required TEXT missing"); ours says one sentence.
[[nodiscard]] std::string sentence(const CLI::ParseError& error) {
  std::string text = error.what();
  if (error.get_name() == "ArgumentMismatch") {
    const auto name_end = text.find(':');
    return "the flag " + text.substr(0, name_end) + " needs a value";
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
};

flags::flags(std::string program, std::string description, std::string usage)
    : body_(std::make_unique<body>()) {
  body_->description = std::move(description);
  body_->program = std::move(program);
  body_->usage = std::move(usage);
  body_->app.set_help_flag();  // ours, so that it can stand in a group
  body_->app.prefix_command();
}

flags::~flags() = default;

void flags::group(std::string title) { body_->group = std::move(title); }

void flags::epilogue(std::string text) { body_->epilogue = std::move(text); }

void flags::toggle(const std::string& names, bool& target, const std::string& help) {
  body_->app.add_flag(names, target, help)->group(body_->group);
}

void flags::value(const std::string& names, const std::string& value_name, taker take,
                  const std::string& help) {
  const auto callback = [take = std::move(take), names](const CLI::results_t& values) {
    for (const std::string& each : values) {
      if (const auto wrong = take(each))
        throw CLI::ValidationError(names.substr(names.rfind(',') + 1), *wrong);
    }
    return true;
  };
  body_->app.add_option(names, callback, help)
      ->type_name(value_name)
      ->group(body_->group)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)  // each in turn, not an error
      ->allow_extra_args(false);                              // one value an occurrence
}

flags::outcome flags::parse(int argc, const char* const* argv) {
  bool help = false;
  group("About");
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
  out.rest = body_->app.remaining();
  if (!out.rest.empty() && out.rest.front() == "--") {
    out.rest.erase(out.rest.begin());
  } else if (!out.rest.empty() && out.rest.front().size() > 1 && out.rest.front().front() == '-') {
    out.exit = 2;
    out.text = "unknown flag " + out.rest.front() + " (--help lists them)";
  }
  return out;
}

}  // namespace millpool::app
