// A task that does not come back: who it is, and what becomes of the others.
#include "millpool/millpool.hpp"

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

int main() {
  std::string report;
  {
    millpool::worker_pool pool{{.name = "orders",
                                .min_workers = 1,
                                .max_workers = 1,
                                .stuck_after = 100ms,
                                .on_stuck = [&](const millpool::stuck_info& stuck) {
                                  report += "stuck: " + std::string{stuck.task_class} + " on " +
                                            std::string{stuck.worker};
                                }}};
    const auto invoices = pool.add_class({.name = "invoices"});

    auto hung = pool.submit(invoices, [](millpool::task_context& task) {
      while (!task.stop_requested()) std::this_thread::sleep_for(1ms);
      return "and was told to stop";
    });
    auto other = pool.submit([] { return "the next one runs: on a second worker"; });
    std::cout << other.get() << '\n' << "the first one hung, " << hung.get() << '\n';
  }
  std::cout << report << '\n';
}
