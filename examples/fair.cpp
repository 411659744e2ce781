// Whose turn it is: a worker kept free for what is urgent, and tenants that share the rest.
#include "millpool/millpool.hpp"

#include <iostream>
#include <latch>
#include <string>

int main() {
  // One of two workers never starts a task of priority 5 to 7.
  millpool::worker_pool pool{
      {.name = "shop", .min_workers = 2, .max_workers = 2, .reserved_workers = 1}};
  std::latch evening{1};
  for (int i = 0; i < 10; ++i) {
    pool.post({.priority = 7}, [&] { evening.wait(); });  // a report: it takes all day
  }
  std::cout << "answer: " << pool.submit([] { return 42; }).get() << '\n';
  evening.count_down();
  pool.wait_idle();

  // Tenants that share a pool: the one with weight 3 has three turns for each of the other's.
  millpool::worker_pool shared{{.name = "shared", .min_workers = 1, .max_workers = 1}};
  std::string turns;
  shared.pause();  // so that all of them wait
  for (int i = 0; i < 6; ++i) {
    shared.post({.fair_key = 1}, [&] { turns += 'a'; });
    shared.post({.fair_key = 2, .fair_weight = 3}, [&] { turns += 'B'; });
  }
  shared.resume();
  shared.wait_idle();
  std::cout << "turns: " << turns << '\n';
}
