#include "millpool/base/cpu.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

// Where the limits are, by proc(5), cgroups(7) and the kernel's cgroup-v2.rst:
//   /proc/self/cgroup      the group of this process in every tree: "0::/a/b", "4:cpu,cpuacct:/a/b"
//   /proc/self/mountinfo   where the trees are mounted, and from which group down
//   <mount>/a/b/cpu.max            version 2, quota and period in us: "150000 100000", "max 100000"
//   <mount>/a/b/cpu.cfs_quota_us   version 1: -1 or the quota; the period is in cpu.cfs_period_us
// A group never gets more than those above it, so the smallest limit on the way up is what holds.

namespace millpool {
namespace {

enum class cgroup_version { v1, v2 };

// One mount of a tree that can limit CPU time.
struct cgroup_mount {
  cgroup_version version;
  std::string from;  // the group that is seen at mount_point
  std::string mount_point;
};

// The group of this process in each version's tree.
struct cgroup_paths {
  std::optional<std::string> v1;
  std::optional<std::string> v2;
};

// Without streams, whose first use in a process takes half a millisecond. What cannot be read is
// empty.
std::string read(const std::string& file) {
  std::string text;
  const int from = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return text;
  std::array<char, 4096> block{};
  ssize_t size = 0;
  while ((size = ::read(from, block.data(), block.size())) > 0 || (size < 0 && errno == EINTR)) {
    if (size > 0) text.append(block.data(), static_cast<std::size_t>(size));
  }
  ::close(from);
  return text;
}

// What is between separators; an empty last one is none.
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool lists_cpu(const std::string& controllers) {
  const auto names = split(controllers, ',');
  return std::find(names.begin(), names.end(), "cpu") != names.end();
}

// "0::/path" for version 2, "id:controllers:/path" for version 1.
cgroup_paths read_own_groups(const std::string& file) {
  cgroup_paths own;
  for (const std::string& line : split(read(file), '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);  // may hold further colons
    if (path.empty() || path.front() != '/') continue;
    if (controllers.empty()) {
      own.v2 = path;
    } else if (lists_cpu(controllers)) {
      own.v1 = path;
    }
  }
  return own;
}

// Blanks, tabs, line ends and backslashes come as three octal digits: "\040".
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const bool escaped =
        text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 3, code, 8).ptr == &text[i + 1] + 3;
    out += escaped ? static_cast<char>(code) : text[i];
    if (escaped) i += 3;
  }
  return out;
}

// "id parent major:minor from mount-point options [tags…] - type source super-options"
std::vector<cgroup_mount> read_mounts(const std::string& file) {
  std::vector<cgroup_mount> mounts;
  for (const std::string& line : split(read(file), '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.empty()) continue;
    if (after[0] == "cgroup2") {
      mounts.push_back({cgroup_version::v2, unescape(before[3]), unescape(before[4])});
    } else if (after[0] == "cgroup" && after.size() >= 3 && lists_cpu(after[2])) {
      mounts.push_back({cgroup_version::v1, unescape(before[3]), unescape(before[4])});
    }
  }
  return mounts;
}

std::vector<std::string> read_words(const std::string& file) {
  std::string text = read(file);
  std::ranges::replace(text, '\n', ' ');
  std::vector<std::string> words = split(text, ' ');
  std::erase(words, "");
  return words;
}

std::optional<std::int64_t> to_number(const std::string& word) {
  std::int64_t number = 0;
  const auto* end = word.data() + word.size();
  const auto [ptr, error] = std::from_chars(word.data(), end, number);
  if (error != std::errc{} || ptr != end) return std::nullopt;
  return number;
}

// "max" and -1 mean no limit, and so does whatever makes no sense.
std::optional<double> to_cpus(const std::string& quota, const std::string& period) {
  const auto quota_us = to_number(quota);
  const auto period_us = to_number(period);
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) return std::nullopt;
  return static_cast<double>(*quota_us) / static_cast<double>(*period_us);
}

std::optional<double> read_limit(cgroup_version version, const std::string& group_dir) {
  if (version == cgroup_version::v2) {
    const auto words = read_words(group_dir + "/cpu.max");
    return words.size() == 2 ? to_cpus(words[0], words[1]) : std::nullopt;
  }
  const auto quota = read_words(group_dir + "/cpu.cfs_quota_us");
  const auto period = read_words(group_dir + "/cpu.cfs_period_us");
  return quota.size() == 1 && period.size() == 1 ? to_cpus(quota[0], period[0]) : std::nullopt;
}

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
  if (!a) return b;
  return b ? std::min(*a, *b) : a;
}

// The way from the mounted group down to `path`, such as "/b" for "/a/b" below "/a"; nullopt where
// it is not below.
std::optional<std::string> below(const std::string& from, const std::string& path) {
  if (from == "/") return path;
  if (path == from) return "";
  if (path.size() > from.size() && path.starts_with(from) && path[from.size()] == '/') {
    return path.substr(from.size());
  }
  return std::nullopt;
}

// The smallest limit of the group `way` below `top`, and of all groups between.
std::optional<double> smallest_on_the_way_up(cgroup_version version, const std::string& top,
                                             std::string way) {
  std::optional<double> limit = read_limit(version, top);
  while (!way.empty()) {
    limit = smaller(limit, read_limit(version, top + way));
    way.erase(way.rfind('/'));
  }
  return limit;
}

std::optional<double> read_quota(const std::string& root) {
  const cgroup_paths own = read_own_groups(root + "/proc/self/cgroup");
  std::optional<double> quota;
  for (const cgroup_mount& mount : read_mounts(root + "/proc/self/mountinfo")) {
    const auto& path = mount.version == cgroup_version::v2 ? own.v2 : own.v1;
    if (!path) continue;
    // In a container the mount may show other groups than the path names (it belongs to another
    // namespace, and then often has ".." in it). The mount point is then the nearest we see.
    const bool foreign = path->find("/..") != std::string::npos;
    const auto way = foreign ? std::nullopt : below(mount.from, *path);
    quota = smaller(
        quota, smallest_on_the_way_up(mount.version, root + mount.mount_point, way.value_or("")));
  }
  return quota;
}

// The kernel refuses a mask shorter than its own, whose length it does not tell: try longer ones.
unsigned count_affinity() {
  constexpr std::size_t most_cpus = std::size_t{1} << 20;
  for (std::size_t cpus = 1024; cpus <= most_cpus; cpus *= 2) {
    const auto release = [](cpu_set_t* set) { CPU_FREE(set); };
    const std::unique_ptr<cpu_set_t, decltype(release)> mask{CPU_ALLOC(cpus), release};
    if (!mask) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    if (::sched_getaffinity(0, bytes, mask.get()) == 0) {
      return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, mask.get())));
    }
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

double cpu_budget::limit() const noexcept {
  const auto cpus_of_affinity = static_cast<double>(affinity);
  return quota ? std::min(*quota, cpus_of_affinity) : cpus_of_affinity;
}

unsigned cpu_budget::cpus() const noexcept {
  return static_cast<unsigned>(std::max(1.0, std::ceil(limit())));
}

cpu_budget available_cpus(const std::string& root) {
  return {.affinity = count_affinity(), .quota = read_quota(root)};
}

int current_cpu() noexcept { return sched_getcpu(); }

}  // namespace millpool
