// What is measured, and on whom: two tables.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bench {

struct case_info {
  std::string_view id;
  std::string_view title;
  std::string_view figure;             // the one that is compared; less is better
  std::string_view unit;               // of the figure in the table
  double per_unit;                     // the figure divided by this is in that unit
  std::uint64_t tasks;                 // at most
  std::uint64_t quick;                 // the same with --quick
  std::uint64_t pilot;                 // to find how many fit in the time; 0: always all of them
  std::vector<std::string_view> more;  // further figures to show
};

struct subject_info {
  std::string_view name;
  std::string_view program;
  std::string_view argument;  // before the case, if not empty
  std::string_view needs;     // what to install where the program is not there
  bool packaged;              // a rival that a package gives: those that the gates compare with
  bool in_producer;           // may run tasks in the thread that posts them: not the one to beat
  std::uint64_t most_tasks;   // 0: no limit; a thread a task takes a while and a mapping each
  std::string_view only;      // cases, separated by blanks; empty: all
};

inline constexpr std::string_view own_name = "millpool";
/// Millpool without metrics: for case M, which nobody else runs.
inline constexpr std::string_view bare_name = "millpool-bare";

std::span<const case_info> all_cases();
std::span<const subject_info> all_subjects();

const subject_info* find_subject(std::string_view name);

/// Whether a blank-separated list has the word.
bool has_word(std::string_view list, std::string_view word);

}  // namespace bench
