// Where and with what a run was made: the head of every table.
#pragma once

#include <string>

namespace bench {

/// Of the tree that this was built from; with "-dirty" where files differ.
std::string commit();

/// CPU, cores, kernel, compiler, flags and commit, a line each.
std::string machine();

}  // namespace bench
