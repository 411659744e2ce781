// The program `millpool`: a table of subcommands. Each lies in a folder of its own.
#include "apps/millpool/drain/drain.hpp"
#include "apps/millpool/logs/logs.hpp"
#include "apps/millpool/run/run.hpp"
#include "apps/millpool/thumbs/thumbs.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <fcntl.h>
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
#if defined(MILLPOOL_WITH_DRAIN)
    {"drain", "asks a process to end in order, and waits until it has", millpool::drain::main},
#endif
#if defined(MILLPOOL_WITH_LOGS)
    {"logs", "answers questions about log files of any size, in one pass", millpool::logs::main},
#endif
    {"run", "runs a command for each line of input, many at a time", millpool::run::main},
#if defined(MILLPOOL_WITH_THUMBS)
    {"thumbs", "makes thumbnails of a whole photo tree", millpool::thumbs::main},
#endif
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

// Three descriptors must be open, so that no file of ours becomes a standard stream. To a standard
// output that was closed nothing can be written, as before: what is printed must not seem to have
// arrived.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // It is the lowest that is free, so it is the one that open() gives.
    static_cast<void>(::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY));
  }
}

int print(std::string_view text) { return millpool::app::write_all(STDOUT_FILENO, text) ? 2 : 0; }

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
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
