#pragma once

namespace millpool::drain {

/// The subcommand `millpool drain`. `argv[0]` is its name. \return the exit status: 0 the process
/// has ended, 1 it has not in time, 2 it could not be asked.
[[nodiscard]] int main(int argc, char** argv);

}  // namespace millpool::drain
