// Tasks that make tasks: a worker that waits runs what it waits for, so one worker is enough.
#include "millpool/millpool.hpp"

#include <iostream>
#include <numeric>
#include <span>
#include <vector>

long sum(millpool::worker_pool& pool, std::span<const int> values) {
  if (values.size() <= 1000) return std::accumulate(values.begin(), values.end(), 0L);
  long left = 0;
  long right = 0;
  millpool::task_group halves{pool, {.cancel_on_error = true}};
  halves.run([&] { left = sum(pool, values.first(values.size() / 2)); });
  halves.run([&] { right = sum(pool, values.subspan(values.size() / 2)); });
  halves.wait();  // rethrows the first error of a half
  return left + right;
}

int main() {
  millpool::worker_pool pool{{.name = "sum", .min_workers = 1, .max_workers = 1}};
  std::vector<int> values(100'000);
  std::iota(values.begin(), values.end(), 1);

  auto total = pool.submit([&] { return sum(pool, values); });
  auto half = std::move(total).then([](long all) { return all / 2; });
  std::cout << "half the sum is " << half.get() << '\n';
}
