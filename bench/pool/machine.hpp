// Where and with what a run was made: the head of every table, and of every saved result.
#pragma once

#include <string>

namespace bench {

struct origin {
  std::string machine{};  // CPU, cores, kernel, and the load when the run began
  std::string compiler{};
  std::string flags{};
  std::string commit{};  // of the tree that this was built from; with "-dirty" where files differ
  std::string date{};    // UTC
};

origin here();

/// A line each.
std::string told(const origin& made);

}  // namespace bench
