// One point of one dimension, in a process of its own: <program> <dimension>=<value> <tasks>.
// Prints its figures as bench pool's subjects do.
#include "bench/pool/figures.hpp"
#include "bench/pool/subject.hpp"
#include "millpool/millpool.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace bench;
using millpool::task_class;
using millpool::worker_pool;

millpool::pool_options of_size(std::size_t workers, std::size_t capacity) {
  return {.min_workers = workers, .max_workers = workers, .queue_capacity = capacity};
}

constexpr auto one = [] { tally::add(1); };

/// `post_all` posts that many tasks; the clock runs until they have ended.
template <class PostAll>
figures timed(worker_pool& pool, std::uint64_t tasks, PostAll post_all) {
  (void)pool.post(one);  // threads that start late are not what is measured
  pool.wait_idle();
  const auto before = tally::now();
  const stopwatch watch;
  post_all();
  pool.wait_idle();
  figures found = watch.stop(tasks);
  expect_equal("tasks that ran", tally::now().count - before.count, tasks);
  found["cpu_ns_per_task"] = found["ns_per_task"] * found["cpu_percent"] / 100;
  return found;
}

figures stream(std::size_t capacity, std::uint64_t tasks) {
  worker_pool pool{of_size(2, capacity)};
  return timed(pool, tasks, [&] {
    for (std::uint64_t i = 0; i < tasks; ++i) (void)pool.post(one);
  });
}

figures lanes(std::uint64_t count, std::uint64_t tasks) {
  worker_pool pool{of_size(2, 1024)};
  return timed(pool, tasks, [&] {
    for (std::uint64_t i = 0; i < tasks; ++i) {
      (void)pool.post({.priority = static_cast<unsigned>(i % count)}, one);
    }
  });
}

figures classes(std::uint64_t count, std::uint64_t tasks) {
  worker_pool pool{of_size(2, 1024)};
  std::vector<task_class> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    all.push_back(pool.add_class({.name = "class " + std::to_string(i)}));
  }
  return timed(pool, tasks, [&] {
    for (std::uint64_t i = 0; i < tasks; ++i) (void)pool.post(all[i % count], one);
  });
}

figures sleepers(std::size_t workers, std::uint64_t tasks) {
  worker_pool pool{of_size(workers, 1024)};
  return timed(pool, tasks, [&] {
    for (std::uint64_t i = 0; i < tasks; ++i) {
      (void)pool.post([] {
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
        tally::add(1);
      });
    }
  });
}

figures producers(std::uint64_t count, std::uint64_t tasks) {
  worker_pool pool{of_size(2, 1024)};
  const std::uint64_t each = tasks / count;
  std::latch ready{static_cast<std::ptrdiff_t>(count) + 1};
  std::vector<std::jthread> threads;
  for (std::uint64_t p = 0; p < count; ++p) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      for (std::uint64_t i = 0; i < each; ++i) (void)pool.post(one);
    });
  }
  return timed(pool, each * count, [&] {
    ready.arrive_and_wait();
    threads.clear();
  });
}

figures measure(std::string_view dimension, std::uint64_t value, std::uint64_t tasks) {
  if (dimension == "tasks") return stream(1024, tasks);
  if (dimension == "capacity") return stream(value, tasks);
  if (dimension == "lanes") return lanes(value, tasks);
  if (dimension == "classes") return classes(value, tasks);
  if (dimension == "workers") return sleepers(value, tasks);
  if (dimension == "producers") return producers(value, tasks);
  throw std::invalid_argument{"no dimension is called " + std::string{dimension}};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view point = argc > 1 ? argv[1] : "";
  const std::size_t equals = point.find('=');
  if (argc != 3 || equals == std::string_view::npos) return 2;
  try {
    figures found =
        measure(point.substr(0, equals), std::strtoull(argv[1] + equals + 1, nullptr, 10),
                std::strtoull(argv[2], nullptr, 10));
    found["peak_rss_kib"] = peak_rss_kib();
    for (const auto& [name, number] : found) std::printf("%s=%.17g\n", name.c_str(), number);
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "scale, %s: %s\n", argv[1], error.what());
    return 1;
  }
  return 0;
}
