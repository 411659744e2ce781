// Promise P8: the first new worker within 5 ms of the submission that crossed the threshold, 1 to
// 64 within 100 ms.
#include "bench/policy/sections.hpp"
#include "bench/pool/statistics.hpp"
#include "millpool/millpool.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {

void burst(const effort& how) {
  using namespace std::chrono_literals;
  using clock = std::chrono::steady_clock;
  constexpr std::size_t most = 64;
  std::vector<double> first;
  std::vector<double> last;
  for (unsigned round = 0; round < 4 * how.rounds; ++round) {
    std::mutex mutex;
    std::vector<clock::time_point> started;
    millpool::pool_options options{.name = "burst", .min_workers = 1, .max_workers = most};
    options.scaling = millpool::scale_by({});
    options.on_worker_start = [&](const millpool::worker_info&) {
      const std::lock_guard lock{mutex};
      started.push_back(clock::now());
    };
    millpool::worker_pool pool{options};
    pool.submit([] {}).get();
    clock::time_point crossed{};
    for (std::size_t i = 0; i < 16 * most; ++i) {
      if (i == 32) crossed = clock::now();
      (void)pool.post([] { std::this_thread::sleep_for(10ms); });
    }
    pool.wait_idle();
    const std::lock_guard lock{mutex};
    using milliseconds = std::chrono::duration<double, std::milli>;
    first.push_back(milliseconds{started.at(1) - crossed}.count());
    last.push_back(milliseconds{started.at(most - 1) - crossed}.count());
  }
  std::printf("burst of %zu tasks of 10 ms, from 1 worker to %zu, %zu times\n", 16 * most, most,
              first.size());
  std::printf("  first new worker  median %6.2f ms, worst %6.2f  (asked: 5)\n",
              summarize(first).median, *std::ranges::max_element(first));
  std::printf("  all workers       median %6.2f ms, worst %6.2f  (asked: 100)\n",
              summarize(last).median, *std::ranges::max_element(last));
}

}  // namespace bench
