#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace millpool::run {

/// Which jobs an earlier run has done, read from its joblog.
///
/// Memory  two bytes a job of the log, not its commands: a fingerprint is enough to notice that the
///         log is of another run (an edited job is missed once in 65,535).
class resume_state {
 public:
  enum class skip : std::uint8_t {
    all_run,    ///< --resume: whatever is in the log
    succeeded,  ///< --resume-failed: what is in it with exit 0 and no signal
  };
  /// A log of nothing but its header is that of a run that did nothing. A last line without its
  /// newline was cut off by a crash: it is removed from the file, so that its job runs again.
  /// \param fd    the log, for reading and writing, locked: no other run may be in the middle of a
  ///              line.
  /// \param name  of the file, for messages.
  /// \return what is done, or a sentence with file and line number.
  [[nodiscard]] static std::expected<resume_state, std::string> load(int fd,
                                                                     const std::string& name,
                                                                     skip which);

  enum class answer : std::uint8_t {
    run,            ///< not in the log
    run_again,      ///< in the log, and to be repeated
    skip,           ///< in the log, and done
    other_command,  ///< in the log with another command: it is the log of another run
  };
  /// Compares the command with the one in the log, as far as a shell would tell them apart: quotes
  /// and backslashes do not count, since GNU parallel quotes a little differently.
  /// \param command  nullopt: it differs from run to run, so nothing is compared.
  [[nodiscard]] answer ask(std::uint64_t seq, std::optional<std::string_view> command) const;

  /// Whether no job is in the log.
  [[nodiscard]] bool is_empty() const noexcept { return pages_.empty(); }
  [[nodiscard]] std::uint64_t skipped_jobs() const noexcept { return done_; }
  /// A message if a last, unfinished line was removed.
  [[nodiscard]] const std::optional<std::string>& repaired() const noexcept { return repaired_; }

  /// Adds one line of a log, as load() does.
  [[nodiscard]] std::expected<void, std::string> add_line(std::string_view line, skip which);

 private:
  static constexpr std::size_t page_size = 1024;
  struct page {
    std::array<std::uint16_t, page_size> fingerprints{};  // of the command; 0: not in the log
    std::bitset<page_size> done;
  };
  [[nodiscard]] static std::uint16_t fingerprint_of(std::string_view command) noexcept;

  // Sparse, so that a Seq of a trillion in a broken log costs one page.
  std::unordered_map<std::uint64_t, std::unique_ptr<page>> pages_;
  std::uint64_t done_ = 0;
  std::optional<std::string> repaired_;
};

}  // namespace millpool::run
