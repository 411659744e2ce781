// A line that is read as a joblog entry is written back, and read again, as the same entry; and no
// bytes, whatever they are, break the reader.
#include "apps/millpool/run/joblog_format.hpp"
#include "apps/millpool/run/resume_state.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(data, data + size);
  const auto entry = millpool::run::parse_joblog_line(line);
  if (!entry) {
    if (entry.error().empty()) std::abort();
    return 0;
  }
  std::string written;
  millpool::run::append_joblog_line(written, *entry);
  written.pop_back();
  const auto again = millpool::run::parse_joblog_line(written);
  if (!again || again->seq != entry->seq || again->exit_value != entry->exit_value ||
      again->signal != entry->signal) {
    std::abort();
  }
  using millpool::run::resume_state;
  resume_state state;
  if (!state.add_line(written, resume_state::skip::all_run)) std::abort();
  if (state.ask(again->seq, again->command) != resume_state::answer::skip) std::abort();
  return 0;
}
