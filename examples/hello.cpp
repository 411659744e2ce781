#include "millpool/millpool.hpp"

#include <iostream>

int main() {
  // At most 100 tasks wait; whoever submits more waits for room. Workers: one a CPU.
  millpool::worker_pool pool{{.name = "hello", .queue_capacity = 100}};

  // A task with a result. Priority 0 is the highest, 7 the lowest.
  auto answer = pool.submit({.priority = 0}, [] { return 6 * 7; });
  std::cout << "answer " << answer.get() << '\n';

  // A stream of results, in the order of submission; it bounds what is under way.
  millpool::ordered_stream<int> squares{4};
  for (int i = 1; i <= 3; ++i) squares.submit(pool, [i] { return i * i; });
  squares.close();
  for (auto& square : squares) std::cout << "square " << square.value() << '\n';

  // Close, drain, join; and the account of what became of every task.
  std::cout << pool.shutdown().tasks << '\n';
}
