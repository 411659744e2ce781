// ./dev bench metrics: how long a scrape takes, and what it does to tasks that pass meanwhile.
#include "millpool/millpool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace millpool;
using std::chrono::duration_cast;
using std::chrono::steady_clock;
constexpr int rounds = 5;

struct figures {
  std::size_t series;
  double median_us;
  double worst_us;
};

std::size_t series_in(const std::string& page) {
  std::size_t lines = 0;
  for (std::size_t at = 0; at < page.size(); at = page.find('\n', at) + 1) {
    if (page[at] != '#') ++lines;
  }
  return lines;
}

figures scrape(int times) {
  std::vector<double> took;
  std::size_t series = 0;
  for (int i = 0; i < times; ++i) {
    const auto begun = steady_clock::now();
    const std::string page = metrics_page(metrics_format::openmetrics);
    took.push_back(
        static_cast<double>(
            duration_cast<std::chrono::nanoseconds>(steady_clock::now() - begun).count()) /
        1000.0);
    series = series_in(page);
  }
  std::ranges::sort(took);
  return {series, took[took.size() / 2], took.back()};
}

// So many pools of two workers, with so many classes each, of which each has run a task.
std::vector<std::unique_ptr<worker_pool>> pools_of(int pools, int classes) {
  std::vector<std::unique_ptr<worker_pool>> all;
  for (int i = 0; i < pools; ++i) {
    all.push_back(std::make_unique<worker_pool>(
        pool_options{.name = "pool" + std::to_string(i), .min_workers = 2, .max_workers = 2}));
    for (int c = 0; c < classes; ++c) {
      const auto one = all.back()->add_class({.name = "class" + std::to_string(c)});
      for (int j = 0; j < 300; ++j) all.back()->post({.task_class = one}, [] {});
    }
    all.back()->wait_idle();
  }
  return all;
}

// Thousands of empty tasks a second, while a scraper comes each `every`; 0: none does.
double throughput(std::chrono::milliseconds every) {
  worker_pool pool{{.name = "loaded", .min_workers = 2, .max_workers = 2}};
  std::atomic<bool> over{false};
  std::jthread scraper;
  if (every.count() > 0) {
    scraper = std::jthread{[&] {
      while (!over) {
        (void)metrics_page(metrics_format::openmetrics);
        std::this_thread::sleep_for(every);
      }
    }};
  }
  constexpr int tasks = 2'000'000;
  const auto begun = steady_clock::now();
  for (int i = 0; i < tasks; ++i) pool.post([] {});
  pool.wait_idle();
  const std::chrono::duration<double> took = steady_clock::now() - begun;
  over = true;
  return tasks / took.count() / 1000.0;
}

double median(std::vector<double> of) {
  std::ranges::sort(of);
  return of[of.size() / 2];
}

}  // namespace

int main() {
  std::printf("a scrape of this process, 200 times (asked: 1,000 series within 50 ms)\n");
  for (const auto& [pools, classes] : {std::pair{1, 1}, std::pair{4, 3}, std::pair{50, 10}}) {
    const auto all = pools_of(pools, classes);
    const figures seen = scrape(200);
    std::printf("  %2d pools of %2d classes: %6zu series  median %8.1f us  worst %8.1f us\n", pools,
                classes, seen.series, seen.median_us, seen.worst_us);
  }
  std::printf("empty tasks while it is scraped, thousands a second, medians of %d rounds\n",
              rounds);
  std::vector<double> alone;
  std::vector<double> each_second;
  std::vector<double> often;
  for (int i = 0; i < rounds; ++i) {
    alone.push_back(throughput(std::chrono::milliseconds{0}));
    each_second.push_back(throughput(std::chrono::milliseconds{1000}));
    often.push_back(throughput(std::chrono::milliseconds{10}));
  }
  std::printf("  never %.0f   once a second %.0f   a hundred times a second %.0f\n", median(alone),
              median(each_second), median(often));
}
