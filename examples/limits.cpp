// A service under more work than it can do: refuse, expire, cancel, and still account for all of
// it.
#include "millpool/millpool.hpp"

#include <chrono>
#include <iostream>
#include <latch>

using namespace std::chrono_literals;

int main() {
  millpool::worker_pool pool{{.name = "limits",
                              .min_workers = 1,
                              .max_workers = 1,
                              .queue_capacity = 3,
                              .when_full = millpool::full_policy::reject}};
  std::latch busy{1};
  std::latch release{1};
  pool.post([&] {
    busy.count_down();
    release.wait();
  });
  busy.wait();  // the only worker is taken: what follows waits in the channel

  std::stop_source user_left;
  auto stale = pool.submit({.start_by = 0ms}, [] { return 1; });
  auto unwanted = pool.submit({.stop_token = user_left.get_token()}, [] { return 2; });
  auto wanted =
      pool.submit([](millpool::task_context& task) { return task.stop_requested() ? 0 : 3; });
  auto fourth = pool.try_submit([] { return 4; });
  std::cout << "fourth: " << to_string(fourth.error()) << '\n';

  user_left.request_stop();
  release.count_down();
  std::cout << "stale: " << to_string(stale.take().state()) << '\n'
            << "unwanted: " << to_string(unwanted.take().state()) << '\n'
            << "wanted: " << wanted.get() << '\n'
            << pool.shutdown().tasks << '\n';
}
