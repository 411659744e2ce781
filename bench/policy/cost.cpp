// What a policy costs a task: case D over pools that differ in one option, in turns.
#include "bench/policy/sections.hpp"
#include "bench/pool/statistics.hpp"
#include "millpool/millpool.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

void grow(millpool::worker_pool& pool, unsigned depth) {
  if (depth == 0) return;
  for (unsigned i = 0; i < 4; ++i) {
    (void)pool.post([&pool, depth] { grow(pool, depth - 1); });
  }
}

double nanoseconds_a_task(const millpool::pool_options& options, unsigned depth) {
  millpool::worker_pool pool{options};
  pool.submit([] {}).get();
  const auto begun = std::chrono::steady_clock::now();
  (void)pool.post([&pool, depth] { grow(pool, depth); });
  pool.wait_idle();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begun;
  std::uint64_t tasks = 1;
  for (std::uint64_t level = 1, d = 0; d < depth; ++d) tasks += level *= 4;
  if (pool.stats().tasks.succeeded != tasks + 1) throw std::runtime_error{"tasks were lost"};
  return took.count() / static_cast<double>(tasks);
}

millpool::pool_options two_workers() {
  return {.name = "cost", .min_workers = 2, .max_workers = 2};
}

struct subject {
  std::string name;
  millpool::pool_options options;
  std::vector<double> took{};
};

std::vector<subject> subjects() {
  std::vector<subject> all{{"none", two_workers()}, {"none, again", two_workers()}};
  millpool::pool_options steered = two_workers();
  steered.scaling = millpool::scale_by({});
  all.push_back({"scaling, at its limit", steered});
  steered.min_workers = 1;
  steered.max_workers = 64;
  all.push_back({"scaling, 1 to 64", steered});
  millpool::pool_options watched = two_workers();
  watched.stuck_after = 1s;
  all.push_back({"stuck_after", watched});
  millpool::pool_options judged = two_workers();
  judged.breaker = millpool::break_by({});
  all.push_back({"breaker", judged});
  millpool::pool_options sheds = two_workers();
  sheds.shedding = millpool::shedding_options{};
  all.push_back({"shedding", sheds});
  millpool::pool_options told = two_workers();
  told.on_task_end = [](const millpool::task_end_info&) {};
  all.push_back({"on_task_end", told});
  millpool::pool_options asked = two_workers();
  asked.admit = [](const millpool::submission_info&) { return std::nullopt; };
  all.push_back({"admit", asked});
  return all;
}

}  // namespace

void cost(const effort& how) {
  std::vector<subject> all = subjects();
  for (unsigned round = 0; round < how.rounds; ++round) {
    for (subject& each : all) {
      each.took.push_back(nanoseconds_a_task(each.options, how.quick ? 8 : 10));
    }
  }
  std::printf("cost: ns an empty task in a tree of tasks (case D), medians of %u rounds\n",
              how.rounds);
  const double none = summarize(all.front().took).median;
  for (const subject& each : all) {
    const summary found = summarize(each.took);
    std::printf("  %-24s %7.2f  spread %3.0f %%  on top: %+.2f\n", each.name.c_str(), found.median,
                100 * found.spread, found.median - none);
  }
}

}  // namespace bench
