#pragma once

namespace millpool::run {

/// The subcommand `millpool run`. `argv[0]` is its name. \return the exit status: see run_end.hpp.
[[nodiscard]] int main(int argc, char** argv);

}  // namespace millpool::run
