#include "millpool/base/cpu.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace millpool {
namespace {

// A file system of its own for each test: proc and cgroup files are laid out below it.
class CpuBudget : public ::testing::Test {
 protected:
  CpuBudget() {
    std::string name = ::testing::TempDir() + "millpool-cpu-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"mkdtemp " + name};
    root_ = name;
  }
  ~CpuBudget() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file} << text;
  }
  // What the kernel writes for a process in `group`, with the tree mounted where it usually is.
  void version_2(const std::string& group, const std::string& from = "/") const {
    const std::string tail = " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    write("/proc/self/cgroup", "0::" + group + "\n");
    write("/proc/self/mountinfo",
          "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n31 22 0:28 " + from + tail);
  }
  void version_1(const std::string& group, const std::string& from = "/") const {
    const std::string cpuset = "33 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
    const std::string tail =
        " /sys/fs/cgroup/cpu,cpuacct rw shared:4 - cgroup cgroup rw,cpu,cpuacct\n";
    write("/proc/self/cgroup",
          "9:cpuset:/elsewhere\n4:cpu,cpuacct:" + group + "\n1:name=systemd:/user.slice\n");
    write("/proc/self/mountinfo", cpuset + "32 31 0:29 " + from + tail);
  }
  void cfs(const std::string& group, const std::string& quota, const std::string& period) const {
    write("/sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_quota_us", quota);
    write("/sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_period_us", period);
  }
  [[nodiscard]] std::optional<double> quota() const { return available_cpus(root_).quota; }

 private:
  std::string root_;
};

// --- the arithmetic ---

TEST(CpuBudgetRounding, TheSmallerLimitCountsRoundedUpToAtLeastOne) {
  EXPECT_EQ((cpu_budget{8, std::nullopt}.cpus()), 8U);
  EXPECT_EQ((cpu_budget{8, 2.0}.cpus()), 2U);
  EXPECT_EQ((cpu_budget{8, 2.5}.cpus()), 3U);
  EXPECT_EQ((cpu_budget{2, 64.0}.cpus()), 2U);
  EXPECT_EQ((cpu_budget{2, 0.5}.cpus()), 1U);
  EXPECT_EQ((cpu_budget{2, 0.001}.cpus()), 1U);
  EXPECT_DOUBLE_EQ((cpu_budget{2, 0.5}.limit()), 0.5);
  EXPECT_DOUBLE_EQ((cpu_budget{2, 64.0}.limit()), 2.0);
}

TEST_F(CpuBudget, TheAffinityIsWhatTheThreadMayRunOn) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(available_cpus().affinity, static_cast<unsigned>(CPU_COUNT(&before)));

  std::jthread{[&] {  // a thread of its own: the others keep their CPUs
    cpu_set_t one;
    CPU_ZERO(&one);
    std::size_t cpu = 0;
    while (!CPU_ISSET(cpu, &before)) ++cpu;
    CPU_SET(cpu, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(available_cpus().affinity, 1U);
  }};
}

TEST_F(CpuBudget, OfThisMachineIsOneCpuAtLeast) {
  EXPECT_GE(available_cpus().cpus(), 1U);
  EXPECT_GT(available_cpus().limit(), 0.0);
}

// --- version 2 ---

TEST_F(CpuBudget, Version2TellsQuotaAndPeriod) {
  version_2("/app");
  write("/sys/fs/cgroup/app/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuBudget, Version2MayAllowHalfACpu) {
  version_2("/app");
  write("/sys/fs/cgroup/app/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuBudget, Version2MaxIsNoLimit) {
  version_2("/app");
  write("/sys/fs/cgroup/app/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuBudget, Version2EveryGroupOnTheWayUpCounts) {
  version_2("/a/b/c");
  write("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
  write("/sys/fs/cgroup/a/cpu.max", "100000 50000\n");
  EXPECT_EQ(quota(), 2.0);
  write("/sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 1.0);
}

TEST_F(CpuBudget, Version2InAContainerTheMountedGroupItselfCounts) {
  version_2("/");  // with a namespace of its own, the container's group is the root
  write("/sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(CpuBudget, Version2GroupsAboveTheMountedOneAreCutOffThePath) {
  version_2("/docker/0a1b/app", "/docker/0a1b");
  write("/sys/fs/cgroup/app/cpu.max", "100000 100000\n");
  write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 1.0);
}

TEST_F(CpuBudget, AMountOfAnotherGroupIsReadAtItsTop) {
  version_2("/docker/0a1b", "/docker/0a");  // a common beginning is not a common group
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  write("/sys/fs/cgroup/1b/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuBudget, APathOutOfTheNamespaceIsNotFollowed) {
  version_2("/../neighbour");
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  write("/sys/fs/neighbour/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuBudget, AMountPointMayHoldBlanksAndAGroupColons) {
  write("/proc/self/cgroup", "0::/unit:1\n");
  write("/proc/self/mountinfo", "31 22 0:28 / /my\\040groups rw - cgroup2 none rw\n");
  write("/my groups/unit:1/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3.0);
}

// --- version 1, and both ---

TEST_F(CpuBudget, Version1TellsQuotaAndPeriodInTwoFiles) {
  version_1("/app");
  cfs("/app", "75000\n", "50000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuBudget, Version1MinusOneIsNoLimit) {
  version_1("/app");
  cfs("/app", "-1\n", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuBudget, Version1EveryGroupOnTheWayUpCounts) {
  version_1("/a/b");
  cfs("/a/b", "400000\n", "100000\n");
  cfs("/a", "200000\n", "100000\n");
  cfs("", "-1\n", "100000\n");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuBudget, Version1InAContainerThePathOfTheHostIsCutOff) {
  version_1("/docker/0a1b", "/docker/0a1b");
  cfs("", "50000\n", "100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuBudget, WithBothVersionsTheSmallerLimitCounts) {
  version_1("/app");
  cfs("/app", "300000\n", "100000\n");
  write("/proc/self/cgroup", "4:cpu,cpuacct:/app\n0::/app\n");
  write("/proc/self/mountinfo",
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(quota(), 3.0);
  write("/sys/fs/cgroup/unified/app/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2.0);
}

// --- what is missing or malformed sets no limit ---

TEST_F(CpuBudget, WithoutAnyFileThereIsNoQuota) { EXPECT_EQ(quota(), std::nullopt); }

TEST_F(CpuBudget, AGroupWithoutALimitFileSetsNone) {
  version_2("/app");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuBudget, MalformedLimitsSetNone) {
  version_2("/app");
  for (const char* text : {"", "\n", "garbage", "max", "100000", "100000 0", "0 100000",
                           "-5 100000", "100000 -5", "1e5 100000", "100000 100000x",
                           "100000 100000 7", "99999999999999999999 100000", "nan nan"}) {
    write("/sys/fs/cgroup/app/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << '"' << text << '"';
  }
  version_1("/app");
  cfs("/app", "100000\n", "");
  EXPECT_EQ(quota(), std::nullopt);
  cfs("/app", "", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  cfs("/app", "100000\n", "0\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuBudget, AMalformedLimitLeavesThoseOfOtherGroups) {
  version_2("/a/b");
  write("/sys/fs/cgroup/a/b/cpu.max", "garbage");
  write("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(CpuBudget, MalformedLinesInProcArePassedOver) {
  version_2("/app");
  write("/sys/fs/cgroup/app/cpu.max", "200000 100000\n");
  write("/proc/self/cgroup", "\n:\n::\n0:\n0::\nno colon\n0::relative\n0::/app\n");
  write("/proc/self/mountinfo",
        "\n - \n - cgroup2\n1 2 3 - cgroup2 x y\nno dash at all\n"
        "31 22 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n32 22 0:1 / /x\\9 rw - cgroup\n");
  EXPECT_EQ(quota(), 2.0);
}

}  // namespace
}  // namespace millpool
