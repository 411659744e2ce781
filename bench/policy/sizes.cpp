// A steered pool beside each fixed number of workers: tasks a second, once it has settled.
#include "bench/policy/sections.hpp"
#include "bench/pool/statistics.hpp"
#include "millpool/millpool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most = 512;

std::atomic<std::uint64_t> sink{0};

void compute() {  // about 5 us
  std::uint64_t x = 88'172'645'463'325'252U;
  for (int i = 0; i < 2'500; ++i) {
    x ^= x << 13U;
    x ^= x >> 7U;
    x ^= x << 17U;
  }
  sink.fetch_add(x & 1U, std::memory_order_relaxed);
}

void wait() { std::this_thread::sleep_for(1ms); }

struct measured {
  double per_second;
  std::size_t workers;
};

measured throughput(std::size_t fixed, void (*task)(), const effort& how) {
  millpool::pool_options options{.name = "sizes", .queue_capacity = 4096};
  options.min_workers = fixed == 0 ? 1 : fixed;
  options.max_workers = fixed == 0 ? most : fixed;
  if (fixed == 0) options.scaling = millpool::scale_by({});
  millpool::worker_pool pool{options};
  std::jthread producer{[&](const std::stop_token& stop) {
    while (!stop.stop_requested()) (void)pool.post(task);
  }};
  std::this_thread::sleep_for(how.quick ? 200ms : 1000ms);  // to settle
  const auto before = pool.stats().tasks.succeeded;
  const auto begun = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(how.quick ? 200ms : 1000ms);
  const auto now = pool.stats();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  producer.request_stop();
  producer.join();
  return {static_cast<double>(now.tasks.succeeded - before) / took.count(), now.active_workers};
}

void compare(const char* what, void (*task)(), const std::vector<std::size_t>& fixed,
             const effort& how) {
  std::vector<std::vector<double>> rates(fixed.size());
  std::vector<double> workers;
  for (unsigned round = 0; round < how.rounds; ++round) {
    for (std::size_t i = 0; i < fixed.size(); ++i) {
      const measured found = throughput(fixed[i], task, how);
      rates[i].push_back(found.per_second);
      if (fixed[i] == 0) workers.push_back(static_cast<double>(found.workers));
    }
  }
  std::printf("%s: thousand tasks/s, medians of %u rounds\n", what, how.rounds);
  double best = 0;
  double steered = 0;
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    const summary found = summarize(rates[i]);
    std::printf("  %7s workers  %8.1f  spread %3.0f %%\n",
                fixed[i] == 0 ? "steered" : std::to_string(fixed[i]).c_str(), found.median / 1e3,
                100 * found.spread);
    (fixed[i] == 0 ? steered : best) = std::max(fixed[i] == 0 ? steered : best, found.median);
  }
  std::printf("  steered, with %.0f workers: %.3f of the best fixed number\n",
              summarize(workers).median, steered / best);
}

}  // namespace

void sizes(const effort& how) {
  compare("tasks that compute for some 5 us", compute, {0, 1, 2, 4, 8}, how);
  compare("tasks that wait for 1 ms", wait, {0, 16, 64, 128, 256, 384, 512}, how);
}

}  // namespace bench
