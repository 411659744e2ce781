// A service whose pool is seen, and steered, over HTTP.
#include "millpool/admin_server.hpp"
#include "millpool/millpool.hpp"

#include <iostream>
#include <sstream>
#include <string>

int main() {
  millpool::worker_pool orders{{.name = "orders", .min_workers = 2, .max_workers = 2}};
  const auto cards = orders.add_class({.name = "cards"});
  const millpool::admin_server admin{{.port = 0}};  // any that is free; yours has 9464, say
  std::cerr << "curl " << admin.url() << "/metrics\n";

  for (int i = 0; i < 1000; ++i) orders.post({.task_class = cards}, [] { /* an order */ });
  orders.wait_idle();

  // A part of what the server answers.
  std::istringstream page{millpool::metrics_page(millpool::metrics_format::prometheus)};
  for (std::string line; std::getline(page, line);) {
    if (line.find("outcome=\"succeeded\"") != std::string::npos) std::cout << line << '\n';
  }
}
