#include "millpool/millpool.hpp"

#include <iostream>

int main() {
  millpool::worker_pool pool;
  std::cout << pool.submit([] { return 42; }).get() << '\n';
}
