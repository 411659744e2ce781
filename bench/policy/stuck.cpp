// Promise P10: a stuck task takes capacity away for no longer than stuck_after and a thread start.
#include "bench/policy/sections.hpp"
#include "bench/pool/statistics.hpp"
#include "millpool/millpool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

namespace bench {

void stuck(const effort& how) {
  using namespace std::chrono_literals;
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
}

}  // namespace bench
