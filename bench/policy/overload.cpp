// Ten times as much comes as gets done, in an open loop: what is done in time, for whom, and how
// soon do the others know?
#include "bench/policy/sections.hpp"
#include "bench/pool/statistics.hpp"
#include "millpool/millpool.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

constexpr auto a_task_takes = 1ms;
constexpr auto in_time = 100ms;  // after that nobody waits for it any more

// Of a hundred submissions: five of the highest priority, half of what the pool can do at ten times
// its capacity.
struct share {
  unsigned priority;
  unsigned percent;
};
constexpr std::array<share, 3> mix{{{0, 5}, {2, 25}, {6, 70}}};

struct submission {
  unsigned kind = 0;  // in the mix
  clock::time_point due{};
  bool refused = false;
  clock::duration took{};           // the call
  std::atomic<clock::rep> done{0};  // 0: never
  [[nodiscard]] bool was_in_time() const {
    return done != 0 && clock::time_point{clock::duration{done}} - due <= in_time;
  }
};

millpool::pool_options two_workers() {
  millpool::pool_options options{.name = "overload", .min_workers = 2, .max_workers = 2};
  options.when_full = millpool::full_policy::reject;
  return options;
}

// Tasks a second, where there is always one.
double capacity(bool quick) {
  millpool::worker_pool pool{two_workers()};
  const int tasks = quick ? 500 : 1000;
  const auto begun = clock::now();
  for (int i = 0; i < tasks; ++i) {
    (void)pool.post([] { std::this_thread::sleep_for(a_task_takes); });
  }
  pool.wait_idle();
  return tasks / std::chrono::duration<double>{clock::now() - begun}.count();
}

// So many a second, whatever becomes of them.
void offer(millpool::worker_pool& pool, std::vector<submission>& all, double per_second) {
  std::minstd_rand chance{1};
  const auto begun = clock::now();
  for (std::size_t i = 0; i < all.size(); ++i) {
    submission& each = all[i];
    unsigned left = static_cast<unsigned>(chance() % 100);
    while (left >= mix.at(each.kind).percent) left -= mix.at(each.kind++).percent;
    each.due = begun + std::chrono::duration_cast<clock::duration>(
                           std::chrono::duration<double>{static_cast<double>(i) / per_second});
    if (each.due > clock::now()) std::this_thread::sleep_until(each.due + 500us);  // a few at once
    const auto before = clock::now();
    const auto accepted =
        pool.post(millpool::task_options{.priority = mix.at(each.kind).priority}, [&each] {
          std::this_thread::sleep_for(a_task_takes);
          each.done = clock::now().time_since_epoch().count();
        });
    each.took = clock::now() - before;
    each.refused = !accepted;
  }
}

struct found {
  double goodput = 0;                       // in time, of capacity
  std::array<double, mix.size()> served{};  // in time, of what was submitted
  double refusal_ms = 0;                    // the 99th percentile
  double back_ms = 0;                       // until all were served in time again
};

found try_out(const millpool::pool_options& options, double capacity, double seconds) {
  std::vector<submission> flood(static_cast<std::size_t>(10 * capacity * seconds));
  std::vector<submission> after(static_cast<std::size_t>(capacity / 2 * 3));
  {
    millpool::worker_pool pool{options};
    offer(pool, flood, 10 * capacity);
    offer(pool, after, capacity / 2);
    pool.wait_idle();
  }
  found all;
  std::array<double, mix.size()> submitted{};
  std::vector<double> refusals;
  for (const submission& each : flood) {
    ++submitted.at(each.kind);
    if (each.was_in_time()) ++all.served.at(each.kind);
    if (each.refused) refusals.push_back(milliseconds{each.took}.count());
  }
  for (std::size_t kind = 0; kind < mix.size(); ++kind) {
    all.goodput += all.served.at(kind) / (capacity * seconds);
    all.served.at(kind) /= submitted.at(kind);
  }
  if (!refusals.empty()) {
    std::ranges::sort(refusals);
    all.refusal_ms = refusals[refusals.size() * 99 / 100];
  }
  for (const submission& each : after) {
    if (!each.was_in_time()) all.back_ms = milliseconds{each.due - after.front().due}.count();
  }
  return all;
}

}  // namespace

void overload(const effort& how) {
  struct subject {
    std::string name;
    millpool::pool_options options;
    std::vector<found> rounds{};
  };
  std::vector<subject> all{{"plain: reject", two_workers()},
                           {"plain: discard_lowest", two_workers()},
                           {"shedding", two_workers()},
                           {"shedding, newest first", two_workers()}};
  all[1].options.when_full = millpool::full_policy::discard_lowest;
  all[2].options.shedding = millpool::shedding_options{};
  all[3].options.shedding = millpool::shedding_options{.newest_first = true};
  const double seconds = how.quick ? 1.0 : 4.0;
  for (unsigned round = 0; round < how.rounds; ++round) {
    for (subject& each : all) {
      each.rounds.push_back(try_out(each.options, capacity(how.quick), seconds));
    }
  }
  std::printf(
      "overload: tasks of 1 ms, 2 workers, 10 x what they can do for %.0f s, then half of it;\n"
      "  5 %% of priority 0, 25 %% of 2, 70 %% of 6; in time: within 100 ms. Medians of %u rounds\n"
      "  %-24s %8s %9s %9s %9s %12s %10s\n",
      seconds, how.rounds, "", "goodput", "of 0", "of 2", "of 6", "refusal p99", "normal in");
  const auto median = [](const subject& of, auto part) {
    std::vector<double> values;
    for (const found& each : of.rounds) values.push_back(part(each));
    return summarize(values).median;
  };
  for (const subject& each : all) {
    std::printf("  %-24s %6.1f %% %7.1f %% %7.1f %% %7.1f %% %9.4f ms %7.0f ms\n",
                each.name.c_str(), 100 * median(each, [](const found& f) { return f.goodput; }),
                100 * median(each, [](const found& f) { return f.served[0]; }),
                100 * median(each, [](const found& f) { return f.served[1]; }),
                100 * median(each, [](const found& f) { return f.served[2]; }),
                median(each, [](const found& f) { return f.refusal_ms; }),
                median(each, [](const found& f) { return f.back_ms; }));
  }
  std::printf(
      "  asked:                   >= 90 %%    >= 99 %%                        1 ms       2 s\n");
}

}  // namespace bench
