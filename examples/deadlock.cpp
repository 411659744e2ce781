// Two tasks that wait for each other: one of the waits fails, and both tasks end.
#include "millpool/millpool.hpp"

#include <iostream>
#include <latch>

int main() {
  // By default the wait-for graph goes to standard error.
  millpool::worker_pool pool{
      {.name = "shop", .on_deadlock = [](const millpool::deadlock_info& info) {
         std::cout << "tasks of '" << info.pool << "' wait in a circle\n";
       }}};
  millpool::future<int> price;
  millpool::future<int> discount;
  std::latch both_are_there{1};

  price = pool.submit([&] {
    both_are_there.wait();
    try {
      return 100 - discount.get();
    } catch (const millpool::submit_error& error) {
      std::cout << error.what() << '\n';
      return 100;
    }
  });
  discount = pool.submit([&] {
    both_are_there.wait();
    try {
      return price.get() / 10;
    } catch (const millpool::submit_error& error) {
      std::cout << error.what() << '\n';
      return 10;
    }
  });
  both_are_there.count_down();

  pool.wait_idle();
  std::cout << pool.stats().deadlocks << " deadlock, " << pool.stats().tasks.succeeded
            << " tasks succeeded\n";
}
