// A pool that grows as its work does.
#include "millpool/millpool.hpp"

#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  std::atomic<int> decisions{0};
  millpool::pool_options options{.name = "calls", .min_workers = 1, .max_workers = 64};
  options.scaling = millpool::scale_by({
      .queue_depth_threshold = 16,  // a backlog
      .target_queue_wait = 5ms,     // or a wait that is too long
      .on_decision =
          [&](const millpool::scaling_decision& decided) {
            if (++decisions == 1) {
              std::cout << decided.from << " -> " << decided.to << ": " << decided.rule << '\n';
            }
          },
  });
  millpool::worker_pool pool{options};

  for (int i = 0; i < 500; ++i) {
    pool.post([] { std::this_thread::sleep_for(10ms); });  // asks somebody, and waits
  }
  pool.wait_idle();
  const auto seen = pool.stats();
  std::cout << seen.tasks.succeeded << " calls, "
            << (seen.active_workers > 8 ? "with more workers than before\n" : "with few workers\n");
}
