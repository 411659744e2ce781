// Other options for a pool that runs: all of them, or none.
#include "millpool/millpool.hpp"

#include <iostream>
#include <stdexcept>

int main() {
  millpool::worker_pool pool{
      {.name = "orders", .min_workers = 1, .max_workers = 1, .queue_capacity = 100}};

  millpool::pool_options wanted = pool.options();
  wanted.max_workers = 4;
  wanted.queue_capacity = 5000;
  wanted.when_full = millpool::full_policy::reject;
  for (const auto& change : pool.reconfigure(wanted)) std::cout << change << '\n';

  wanted.queue_capacity = 8000;
  wanted.min_workers = 5;
  try {
    pool.reconfigure(wanted);
  } catch (const std::invalid_argument& refusal) {
    std::cout << refusal.what() << '\n';
  }
  std::cout << "capacity " << pool.stats().queue_capacity << ", as before\n";
}
