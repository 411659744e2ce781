// Layer 0 · base: how many CPUs this process really has.
#pragma once

#include <optional>
#include <string>

namespace millpool {

/// How much processor time this process may use, by the two limits that Linux sets.
struct cpu_budget {
  /// CPUs that the calling thread may run on, at least 1. cpusets are in it.
  unsigned affinity = 1;
  /// CPU seconds a second that the control groups allow, such as 1.5; nullopt: no limit.
  std::optional<double> quota;

  /// The smaller of the two, in CPUs; may be below 1.
  [[nodiscard]] double limit() const noexcept;
  /// limit() as whole CPUs: rounded up, at least 1.
  [[nodiscard]] unsigned cpus() const noexcept;
};

/// What the calling thread's affinity and the process's control groups allow.
///
/// A few small files are read each time, so ask once and keep the answer. What is missing or
/// malformed sets no limit. Groups of both versions count, each group on the way up to the root of
/// its tree.
/// Thread safety  may be called concurrently.
/// \param   root  where the file system begins; other than "/" it is for tests and moves the files,
///                not the affinity.
/// \throws  std::bad_alloc.
[[nodiscard]] cpu_budget available_cpus(const std::string& root = "/");

/// The CPU that the calling thread runs on, or did a moment ago; -1 if that is not known. A hint.
[[nodiscard]] int current_cpu() noexcept;

}  // namespace millpool
