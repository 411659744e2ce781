// More work than can be done in time: the pool gives up what is least urgent, and the rest goes on.
#include "millpool/millpool.hpp"

#include <chrono>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  constexpr unsigned payment = 0;
  constexpr unsigned page = 4;
  constexpr unsigned report = 6;

  millpool::pool_options options{.name = "shop", .min_workers = 1, .max_workers = 1};
  options.when_full = millpool::full_policy::reject;
  options.shedding = millpool::shedding_options{.target = 5ms, .interval = 200ms};
  millpool::worker_pool pool{options};
  const auto serve = [] { std::this_thread::sleep_for(1ms); };

  // Some times as many pages as one worker can serve, until the pool has had enough.
  for (bool is_shed = false; !is_shed;) {
    const auto taken = pool.post({.priority = page}, serve);
    is_shed = !taken && taken.error() == millpool::submit_errc::shed;
    std::this_thread::sleep_for(200us);
  }
  std::cout << "a page: " << to_string(millpool::submit_errc::shed) << '\n';

  auto late = pool.submit({.priority = report}, serve);  // refused: even pages are too many
  auto paid = pool.submit({.priority = payment}, [] { return "paid"; });
  const bool not_now = pool.pressure(report) >= 1.0;  // so one need not ask
  std::cout << "a payment: " << paid.get() << '\n';
  try {
    late.get();
  } catch (const millpool::submit_error& error) {
    std::cout << "a report: " << to_string(error.code()) << (not_now ? ", as was to be seen" : "")
              << '\n';
  }
  const millpool::pool_stats seen = pool.stats();
  std::cout << (seen.shed[page] > 0 ? "some pages" : "no pages") << " were given up, and "
            << seen.shed[payment] << " payments\n";
}
