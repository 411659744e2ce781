// Promise P10: a stuck task takes capacity away for no longer than stuck_after and a thread start.
#include "bench/policy/sections.hpp"
#include "bench/pool/statistics.hpp"
#include "millpool/millpool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

// A process in a cgroup of its own that may use a part of one processor; back in the old one at the
// end. For version 1 and 2, where this process may make one.
class small_cgroup {
 public:
  explicit small_cgroup(int percent) {
    const std::string quota = std::to_string(1000 * percent);
    for (const bool is_v2 : {false, true}) {
      const std::filesystem::path root = is_v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
      const std::filesystem::path made = root / "millpool-bench";
      std::error_code failed;
      if (!std::filesystem::create_directory(made, failed)) continue;
      const bool is_bounded = is_v2 ? write(made / "cpu.max", quota + " 100000")
                                    : write(made / "cpu.cfs_quota_us", quota);
      if (is_bounded && write(made / "cgroup.procs", std::to_string(::getpid()))) {
        root_ = root;
        made_ = made;
        return;
      }
      std::filesystem::remove(made, failed);
    }
  }
  ~small_cgroup() {
    if (!is_there()) return;
    std::error_code failed;
    if (write(root_ / "cgroup.procs", std::to_string(::getpid()))) {
      std::filesystem::remove(made_, failed);
    }
  }
  small_cgroup(const small_cgroup&) = delete;
  small_cgroup& operator=(const small_cgroup&) = delete;

  [[nodiscard]] bool is_there() const { return !made_.empty(); }

 private:
  static bool write(const std::filesystem::path& file, const std::string& text) {
    std::ofstream out{file};
    out << text << std::flush;
    return out.good();
  }
  std::filesystem::path root_;
  std::filesystem::path made_;
};

millpool::pool_options watched(std::size_t workers, std::atomic<std::uint64_t>& alarms) {
  millpool::pool_options options{.name = "alarms", .min_workers = workers, .max_workers = workers};
  options.stuck_after = 100ms;
  options.on_stuck = [&](const millpool::stuck_info&) { ++alarms; };
  return options;
}

void grow(millpool::worker_pool& pool, unsigned depth) {
  if (depth == 0) return;
  for (int i = 0; i < 4; ++i) (void)pool.post([&pool, depth] { grow(pool, depth - 1); });
}

void false_alarms(const effort& how) {
  std::atomic<std::uint64_t> alarms{0};
  {
    millpool::worker_pool pool{watched(2, alarms)};
    const std::uint64_t wanted = how.rounds > 1 ? 100'000'000 : 1'000'000;
    std::uint64_t tasks = 0;
    while (tasks < wanted) {
      (void)pool.post([&pool] { grow(pool, 10); });
      pool.wait_idle();
      tasks = pool.stats().tasks.succeeded;
    }
    std::printf("  false alarms in %llu tasks of some ns: %llu\n",
                static_cast<unsigned long long>(tasks), static_cast<unsigned long long>(alarms));
  }
  const small_cgroup fifth{20};
  if (!fifth.is_there()) {
    std::printf("  no cgroup can be made here: not tried with 0.2 processors\n");
    return;
  }
  alarms = 0;
  millpool::worker_pool pool{watched(4, alarms)};
  const auto end = std::chrono::steady_clock::now() + (how.rounds > 1 ? 20s : 2s);
  while (std::chrono::steady_clock::now() < end) {
    (void)pool.post([] {  // about a millisecond of a processor
      for (int i = 0; i < 4'000'000; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    });
  }
  pool.wait_idle();
  std::printf("  false alarms in %llu tasks of about a ms, with 0.2 processors: %llu\n",
              static_cast<unsigned long long>(pool.stats().tasks.succeeded),
              static_cast<unsigned long long>(alarms));
}

}  // namespace

void stuck(const effort& how) {
  using clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::duration<double, std::milli>;
  constexpr auto stuck_after = 100ms;
  std::vector<double> replaced;
  std::vector<double> reported;
  std::size_t with_stack = 0;
  for (unsigned round = 0; round < how.rounds; ++round) {
    std::atomic<bool> let_go{false};
    std::atomic<double> told{0};
    std::atomic<std::size_t> calls{0};
    millpool::pool_options options{.name = "stuck", .min_workers = 1, .max_workers = 1};
    options.stuck_after = stuck_after;
    clock::time_point begun{};
    options.on_stuck = [&](const millpool::stuck_info& info) {
      calls = info.stack.size();
      told = milliseconds{clock::now() - begun}.count();
      told.notify_all();
    };
    millpool::worker_pool pool{options};
    auto hangs = pool.submit([&] {
      begun = clock::now();
      let_go.wait(false);
    });
    auto next = pool.submit([&] { return milliseconds{clock::now() - begun}.count(); });
    replaced.push_back(next.get());
    told.wait(0.0);
    reported.push_back(told);
    if (calls > 0) ++with_stack;
    let_go = true;
    let_go.notify_all();
    hangs.get();
  }
  std::printf("stuck: the only worker hangs, stuck_after 100 ms, %u times\n", how.rounds);
  std::printf(
      "  another at work  median %6.1f ms, worst %6.1f  (promised: 100 and a thread start)\n",
      summarize(replaced).median, *std::ranges::max_element(replaced));
  std::printf("  reported         median %6.1f ms, worst %6.1f; with a stack: %zu\n",
              summarize(reported).median, *std::ranges::max_element(reported), with_stack);
  false_alarms(how);
}

}  // namespace bench
