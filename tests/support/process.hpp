// Support for tests: what the kernel says of this process.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace millpool::test {

/// The ids of this process's threads.
[[nodiscard]] inline std::vector<std::string> thread_ids() {
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) {
    ids.push_back(entry.path().filename().string());
  }
  return ids;
}

[[nodiscard]] inline std::size_t thread_count() { return thread_ids().size(); }

/// How many file descriptors are open, but for the one that looks.
[[nodiscard]] inline std::size_t descriptor_count() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    ++count;
  }
  return count - 1;
}

/// A field of /proc/self/task/<id>/status, such as "SigBlk"; empty if thread or field are not
/// there.
[[nodiscard]] inline std::string status_of(const std::string& id, const std::string& field) {
  std::ifstream status{"/proc/self/task/" + id + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ':'))
      return line.substr(line.find_first_not_of("\t ", field.size() + 1));
  }
  return {};
}

/// The ids of the threads whose name begins with `prefix`.
[[nodiscard]] inline std::vector<std::string> threads_named(const std::string& prefix) {
  std::vector<std::string> ids;
  for (const std::string& id : thread_ids()) {
    if (status_of(id, "Name").starts_with(prefix)) ids.push_back(id);
  }
  return ids;
}

[[nodiscard]] inline bool all_asleep(const std::vector<std::string>& ids) {
  return std::ranges::all_of(
      ids, [](const std::string& id) { return status_of(id, "State").starts_with('S'); });
}

/// What a thread has cost so far.
struct thread_cost {
  std::uint64_t cpu_ns = 0;
  std::uint64_t switches = 0;  ///< voluntary and not

  friend bool operator==(const thread_cost&, const thread_cost&) = default;
};
[[nodiscard]] inline thread_cost cost_of(const std::string& id) {
  thread_cost cost;
  std::ifstream{"/proc/self/task/" + id + "/schedstat"} >> cost.cpu_ns;
  cost.switches = std::stoull('0' + status_of(id, "voluntary_ctxt_switches")) +
                  std::stoull('0' + status_of(id, "nonvoluntary_ctxt_switches"));
  return cost;
}

[[nodiscard]] inline std::vector<thread_cost> costs_of(const std::vector<std::string>& ids) {
  std::vector<thread_cost> costs;
  for (const std::string& id : ids) costs.push_back(cost_of(id));
  return costs;
}

/// How much of this process lies in memory, in bytes.
[[nodiscard]] inline std::int64_t resident_bytes() {
  std::int64_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

/// Lets real time pass while something that must not happen has its chance to. Never to wait for
/// something that must.
inline void observe_for(std::chrono::milliseconds window) {
  ::poll(nullptr, 0, static_cast<int>(window.count()));
}

/// Whether there are `count` threads of pools that are called "test", all of them asleep, and none
/// has run for a while: a worker on its way to sleep may wait for a lock, or doze for a
/// millisecond.
[[nodiscard]] inline bool sleep_for_good(std::size_t count) {
  const auto ids = threads_named("test/");  // a thread has its name when it has begun to run
  if (ids.size() != count) return false;
  const auto before = costs_of(ids);
  observe_for(std::chrono::milliseconds{20});
  return costs_of(ids) == before && all_asleep(ids);
}

}  // namespace millpool::test
