// Somebody is told when half of a queue is taken.
#include "millpool/alarm_service.hpp"
#include "millpool/millpool.hpp"

#include <iostream>

int main() {
  millpool::worker_pool orders{
      {.name = "orders", .min_workers = 0, .max_workers = 1, .queue_capacity = 10}};

  // A service has this look each second, and sends what rings: millpool::alarm_service.
  millpool::alarm_watch watch{millpool::parse_alarm_options(R"({"rules": [
      {"item": "capacity", "threshold": 0.5, "count": 2, "period": 60}]})")
                                  .rules};
  orders.pause();
  for (int i = 0; i < 7; ++i) orders.post([] { /* an order */ });
  for (int second = 0; second < 3; ++second) {
    const millpool::time_point now{std::chrono::seconds{second}};
    for (const auto& alarm : watch.look(orders.stats(), now)) std::cout << alarm.text << '\n';
  }
  orders.resume();
}
