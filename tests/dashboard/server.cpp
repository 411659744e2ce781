// A process to look at: pools that scale, fail, hold and hang, behind an admin server, until
// standard input ends. Says where it is on standard output.
//   millpool_dashboard_server [--port N] [--pools N]
#include "millpool/admin_server.hpp"
#include "millpool/millpool.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

// Some work, that takes a while and may fail.
void work(std::chrono::microseconds takes, bool fails) {
  const auto until = std::chrono::steady_clock::now() + takes;
  while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  if (fails) throw std::runtime_error{"no answer"};
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  int pools = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--port") port = static_cast<std::uint16_t>(std::atoi(argv[i + 1]));
    if (flag == "--pools") pools = std::atoi(argv[i + 1]);
  }
  const millpool::admin_log log;
  const auto server = millpool::break_by(
      {.name = "mail server", .minimum_calls = 20, .wait_in_open = 5s}, millpool::when_open::hold);
  millpool::worker_pool orders{log.watch(
      {.name = "orders",
       .min_workers = 1,
       .max_workers = 6,
       .scaling = millpool::scale_by({.queue_depth_threshold = 16}),
       .queue_capacity = 500,
       .when_full = millpool::full_policy::reject,
       .keep_alive = 2s,
       .on_unhandled = [](const std::exception_ptr&, const millpool::unhandled_info&) {}})};
  const auto cards = orders.add_class({.name = "cards", .priority = 1});
  const auto mails = orders.add_class({.name = "mails", .priority = 6, .breaker = server});
  millpool::worker_pool thumbnails{
      log.watch({.name = "thumbnails", .min_workers = 2, .max_workers = 2, .stuck_after = 500ms})};
  std::vector<std::unique_ptr<millpool::worker_pool>> others;
  for (int i = 3; i < pools; ++i) {
    others.push_back(std::make_unique<millpool::worker_pool>(millpool::pool_options{
        .name = "pool " + std::to_string(i), .min_workers = 0, .max_workers = 1}));
  }
  std::atomic<bool> over{false};
  thumbnails.post([&] { over.wait(false); });  // hangs

  millpool::worker_pool load{{.name = "load", .min_workers = 1, .max_workers = 1}};
  std::mt19937 random{7};
  unsigned turn = 0;
  const auto ticks = load.every(20ms, [&] {
    const bool busy = turn / 100 % 3 == 0;
    for (int i = 0; i < (busy ? 30 : 4); ++i) {
      orders.post({.task_class = random() % 3 == 0 ? mails : cards},
                  [takes = 200us + 10us * (random() % 60), fails = random() % 40 == 0] {
                    work(takes, fails);
                  });
    }
    thumbnails.post([] { work(2ms, false); });
    if (!others.empty()) others[turn % others.size()]->post([] { work(100us, false); });
    ++turn;
  });
  {
    const millpool::admin_server admin{{.port = port, .log = log}};
    std::cout << admin.url() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    }
  }
  load.shutdown();
  over = true;
  over.notify_all();
}
