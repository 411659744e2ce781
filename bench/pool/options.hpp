// The flags of ./dev bench pool.
#pragma once

#include <string>
#include <vector>

namespace bench {

inline constexpr const char* usage =
    "Usage: ./dev bench pool [flags]\n\n"
    "What does a task cost in Millpool, and in the pools that a package gives? Each run is a "
    "process\n"
    "of its own; the subjects take turns; medians of the rounds. Every run checks its answer.\n\n"
    "  --case A,C        these cases only; H and J are two each: H50 and H200, J3 and J1024\n"
    "  --subject a,b     these subjects only\n"
    "  --rounds N        default 5, with --quick 3\n"
    "  --quick           less work: about a minute\n"
    "  --json            a JSON line a run on standard output, the tables on standard error\n"
    "  --plot FILE.svg   a bar chart as well\n"
    "  --save            into bench/results/, too: the runs as JSON lines, the tables as Markdown\n"
    "  --table FILE      no measurement: the table of a saved run, for the README; and its "
    "--plot\n";

struct options {
  std::vector<std::string> cases{};     // as in the catalogue, and M; empty: all
  std::vector<std::string> subjects{};  // empty: all
  unsigned rounds = 0;
  bool quick = false;
  bool json = false;
  bool save = false;
  bool help = false;
  std::string plot{};
  std::string table{};  // a saved run
};

/// \throws std::invalid_argument that says what is wrong.
options parse_options(const std::vector<std::string>& arguments);

}  // namespace bench
