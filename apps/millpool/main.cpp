// The program `millpool`: a table of subcommands. Each lies in a folder of its own.
#include "apps/millpool/run/run.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

struct subcommand {
  std::string_view name;
  std::string_view summary;
  int (*main)(int argc, char** argv);
};

constexpr subcommand subcommands[] = {
    {"run", "runs a command for each line of input, many at a time", millpool::run::main},
};

std::string help() {
  std::string text =
      "Bounded, prioritised worker pools at work.\n\n"
      "Usage: millpool subcommand [flags] ...\n\n"
      "Subcommands:\n";
  for (const subcommand& each : subcommands) {
    text.append("  ").append(each.name).append(10 - std::min<std::size_t>(each.name.size(), 9),
                                               ' ');
    text.append(each.summary).append("\n");
  }
  text += "\nmillpool subcommand --help says more; millpool --version prints the version.\n";
  return text;
}

int print(std::string_view text) { return millpool::app::write_all(STDOUT_FILENO, text) ? 2 : 0; }

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") return print(help());
  if (name == "--version") return print("millpool " MILLPOOL_VERSION "\n");
  const auto found = std::find_if(std::begin(subcommands), std::end(subcommands),
                                  [&](const subcommand& each) { return each.name == name; });
  if (found != std::end(subcommands)) return found->main(argc - 1, argv + 1);
  millpool::app::complain("millpool", name.empty() ? "which subcommand? --help lists them"
                                                   : "unknown subcommand '" + std::string(name) +
                                                         "' (--help lists them)");
  return 2;
}
