#include "apps/millpool/run/resume_state.hpp"

#include "apps/millpool/run/joblog_format.hpp"
#include "apps/millpool/run/record_splitter.hpp"
#include "apps/support/io.hpp"

#include <unistd.h>

namespace millpool::run {
namespace {

// Whether the file ends in the middle of a line; then where that line begins.
[[nodiscard]] std::optional<off_t> unfinished_line(int fd, std::uint64_t bytes,
                                                   std::size_t last_line) {
  char last = '\n';
  if (bytes == 0) return std::nullopt;
  if (!app::read_at(fd, {&last, 1}, bytes - 1) || last == '\n') return std::nullopt;
  return static_cast<off_t>(bytes - last_line);
}

}  // namespace

std::expected<resume_state, std::string> resume_state::load(int fd, const std::string& name,
                                                            skip which) {
  resume_state state;
  record_splitter lines{'\n'};
  std::uint64_t bytes = 0;
  std::uint64_t number = 0;
  std::size_t last_length = 0;
  std::expected<void, std::string> good;
  const auto at = [&] { return name + ":" + std::to_string(number) + ": "; };
  while (!lines.at_end()) {
    while (const auto line = lines.next()) {
      if (!good) return std::unexpected(at() + good.error());
      ++number;
      last_length = line->size();
      if (number == 1) {
        if (*line != joblog_header.substr(0, joblog_header.size() - 1)) {
          good = std::unexpected("this is no joblog: its first line is not \"Seq\tHost\t...\"");
        }
      } else if (auto added = state.add_line(*line, which); !added) {
        good = std::unexpected("this joblog is broken: " + added.error());
      }
    }
    if (lines.at_end()) break;
    const auto got = app::read_at(fd, lines.room(), bytes);
    if (!got) return std::unexpected("cannot read joblog " + name + ": " + got.error().message());
    lines.commit(*got);
    bytes += *got;
    if (*got == 0) lines.finish();
  }
  const auto cut = number > 1 ? unfinished_line(fd, bytes, last_length) : std::nullopt;
  if (!cut) {
    if (!good) return std::unexpected(at() + good.error());
    return state;
  }
  // What a crash cut off may still parse, with half a command: read the file again without it.
  if (::ftruncate(fd, *cut) != 0) {
    return std::unexpected(
        at() + "the last line is cut short, and cannot be removed: " + app::last_error().message());
  }
  auto again = load(fd, name, which);
  if (again) again->repaired_ = at() + "the last line was cut short; its job counts as not run";
  return again;
}

std::expected<void, std::string> resume_state::add_line(std::string_view line, skip which) {
  const auto entry = parse_joblog_line(line);
  if (!entry) return std::unexpected(entry.error());
  auto& holder = pages_[entry->seq / page_size];
  if (!holder) holder = std::make_unique<page>();
  const std::size_t at = entry->seq % page_size;
  holder->fingerprints[at] = fingerprint_of(entry->command);
  if ((which == skip::all_run || entry->succeeded()) && !holder->done[at]) {
    holder->done[at] = true;
    ++done_;
  }
  return {};
}

resume_state::answer resume_state::ask(std::uint64_t seq,
                                       std::optional<std::string_view> command) const {
  const auto found = pages_.find(seq / page_size);
  if (found == pages_.end()) return answer::run;
  const std::size_t at = seq % page_size;
  const std::uint16_t logged = found->second->fingerprints[at];
  if (logged == 0) return answer::run;
  if (command && logged != fingerprint_of(*command)) return answer::other_command;
  return found->second->done[at] ? answer::skip : answer::run_again;
}

// FNV-1a, folded to 16 bits. Never 0, which means "not in the log".
std::uint16_t resume_state::fingerprint_of(std::string_view command) noexcept {
  std::uint64_t hash = 14695981039346656037u;
  for (char c : command) {
    if (c == '\'' || c == '"' || c == '\\') continue;
    if (c == '\n') c = '\0';  // as in the log
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  hash ^= hash >> 32;
  hash ^= hash >> 16;
  const auto folded = static_cast<std::uint16_t>(hash);
  return folded == 0 ? 1 : folded;
}

}  // namespace millpool::run
