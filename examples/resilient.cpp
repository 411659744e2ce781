// A backend that fails now and then, and what may stand between it and its callers.
#include "millpool/millpool.hpp"

#include <chrono>
#include <iostream>
#include <stdexcept>

using namespace std::chrono_literals;

int main() {
  millpool::worker_pool pool{{.name = "orders"}};

  // Again, if it failed: a little later, and not for ever.
  int calls = 0;
  auto answer = millpool::submit_with_retry(pool, {.max_attempts = 5, .backoff = 1ms}, [&] {
    if (++calls < 3) throw std::runtime_error{"not now"};
    return 42;
  });
  std::cout << answer.get() << " after " << calls << " calls\n";

  // Not at all, while it fails too often.
  millpool::circuit_breaker backend{{.name = "backend",
                                     .minimum_calls = 10,
                                     .sliding_window = millpool::sliding_window::count(10)}};
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    try {
      if (!backend.run([] { throw std::runtime_error{"down"}; })) ++refused;
    } catch (const std::runtime_error&) {  // it was called, and failed
    }
  }
  std::cout << to_string(backend.state()) << ", " << refused << " of 20 calls refused\n";

  // Not more often than agreed.
  millpool::rate_limiter mails{{.permits = 3, .per = 1h}};
  int sent = 0;
  while (mails.try_acquire()) ++sent;
  std::cout << sent << " mails this hour\n";
}
