// Tasks for later, and again and again.
#include "millpool/millpool.hpp"

#include <atomic>
#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

int main() {
  millpool::worker_pool pool{{.name = "later"}};

  std::atomic<int> beats{0};
  const auto heart = pool.every(1ms, [&] { ++beats; });  // until `heart` is gone
  auto late = pool.submit_after(20ms, [] { return "twenty milliseconds"; });

  std::cout << late.get() << ", and " << (beats > 0 ? "it beats\n" : "no beat\n");

  auto never = pool.submit_after(24h, [] {});
  pool.close();  // what is not due is not waited for
  try {
    never.get();
  } catch (const millpool::submit_error& error) {
    std::cout << to_string(error.code()) << '\n';
  }
}
