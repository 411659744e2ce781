// Mails are refused while their server is down; orders go on.
#include "millpool/millpool.hpp"

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

int main() {
  const auto server =
      millpool::break_by({.name = "mail server", .minimum_calls = 10, .wait_in_open = 30s},
                         millpool::when_open::reject);  // or fallback
  millpool::worker_pool pool{{.name = "shop", .min_workers = 1, .max_workers = 1}};
  const auto mails = pool.add_class({.name = "mails", .breaker = server});
  const auto orders = pool.add_class({.name = "orders"});

  int failed = 0;
  std::string refused;
  while (refused.empty()) {
    try {
      pool.submit(mails, [] { throw std::runtime_error{"no answer"}; }).get();
    } catch (const millpool::submit_error& error) {
      refused = error.what();
    } catch (const std::runtime_error&) {
      ++failed;
    }
  }
  std::cout << failed << " mails failed, the next one: " << refused << '\n';
  std::cout << server->breaker().options().name << ": " << to_string(server->breaker().state())
            << '\n';
  std::cout << pool.submit(orders, [] { return "an order is taken"; }).get() << '\n';
}
