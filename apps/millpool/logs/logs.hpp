#pragma once

namespace millpool::logs {

/// The subcommand `millpool logs`. `argv[0]` is its name. \return the exit status: see --help.
[[nodiscard]] int main(int argc, char** argv);

}  // namespace millpool::logs
