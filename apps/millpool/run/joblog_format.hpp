#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace millpool::run {

/// One line of a joblog, in GNU parallel's own format: nine columns, tabs between.
struct joblog_entry {
  std::uint64_t seq = 0;
  std::string_view host = ":";         ///< ":" is this machine
  std::chrono::milliseconds start{0};  ///< since 1970
  std::chrono::milliseconds runtime{0};
  std::uint64_t send = 0;     ///< bytes of files sent: 0, there is no other machine
  std::uint64_t receive = 0;  ///< bytes that the job wrote to standard output
  int exit_value = 0;         ///< -1: killed by --timeout
  int signal = 0;
  std::string_view command;

  [[nodiscard]] bool succeeded() const noexcept { return exit_value == 0 && signal == 0; }
};

inline constexpr std::string_view joblog_header =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// Appends the line, with its newline. A newline in the command is written as a NUL byte, as GNU
/// parallel does, so that every job is one line.
void append_joblog_line(std::string& out, const joblog_entry& entry);

/// Reads one line, given without its newline. Views in the result point into `line`.
/// \return the entry (its command with NULs where newlines were), or which column is wrong.
[[nodiscard]] std::expected<joblog_entry, std::string> parse_joblog_line(std::string_view line);

}  // namespace millpool::run
