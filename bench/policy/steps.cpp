// A load in steps, and how a steered pool follows.
#include "bench/policy/sections.hpp"
#include "millpool/millpool.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;
using seconds = std::chrono::duration<double>;

struct point {
  double at;  // s
  double load;
  double workers;
  double depth;
  double wait;  // ms
};

// One curve below the other, each with a scale of its own.
std::string picture(const std::vector<point>& points) {
  constexpr double width = 800;
  constexpr double height = 120;
  const double end = points.back().at;
  struct curve {
    const char* name;
    double point::*value;
  };
  constexpr std::array<curve, 4> curves{{{"load, workers' worth", &point::load},
                                         {"workers", &point::workers},
                                         {"tasks waiting", &point::depth},
                                         {"oldest wait, ms", &point::wait}}};
  std::string out =
      "<svg xmlns='http://www.w3.org/2000/svg' width='860' height='640' "
      "font-family='sans-serif' font-size='12'>\n";
  double top = 30;
  for (const curve& each : curves) {
    double most = 1;
    for (const point& p : points) most = std::max(most, p.*each.value);
    out += "<text x='10' y='" + std::to_string(top - 8) + "'>" + each.name + ", up to " +
           std::to_string(static_cast<long>(most)) +
           "</text>\n<polyline fill='none' "
           "stroke='#1f77b4' points='";
    for (const point& p : points) {
      out += std::to_string(10 + width * p.at / end) + ',' +
             std::to_string(top + height - height * (p.*each.value) / most) + ' ';
    }
    out += "'/>\n";
    top += height + 30;
  }
  return out + "<text x='10' y='632'>0 to " + std::to_string(static_cast<long>(end)) +
         " s</text>\n</svg>\n";
}

}  // namespace

void steps(const effort& how) {
  const std::vector<double> loads{2, 20, 5, 40, 1};
  const seconds each_step = how.quick ? seconds{0.5} : seconds{2};
  std::vector<millpool::scaling_decision> decisions;  // by the timers' thread, or a worker
  std::mutex mutex;
  millpool::pool_options options{.name = "steps", .min_workers = 1, .max_workers = 64};
  options.keep_alive = 200ms;
  options.scaling = millpool::scale_by(
      {.cooldown = 300ms, .on_decision = [&](const millpool::scaling_decision& one) {
         const std::lock_guard lock{mutex};
         decisions.push_back(one);
       }});
  std::vector<point> points;
  millpool::worker_pool pool{options};
  const auto begun = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return seconds{std::chrono::steady_clock::now() - begun}; };
  for (std::size_t step = 0; step < loads.size(); ++step) {
    const auto end = each_step * static_cast<double>(step + 1);
    double owed = 0;
    while (elapsed() < end) {  // tasks of 5 ms, every millisecond as many as are due
      for (owed += loads[step] / 5; owed >= 1; --owed) {
        (void)pool.post([] { std::this_thread::sleep_for(5ms); });
      }
      const auto seen = pool.stats();
      points.push_back({elapsed().count(), loads[step], static_cast<double>(seen.active_workers),
                        static_cast<double>(seen.tasks.waiting),
                        std::chrono::duration<double, std::milli>{seen.oldest_waiting}.count()});
      std::this_thread::sleep_for(1ms);
    }
  }
  pool.wait_idle();
  std::ofstream file{how.plot};
  if (!(file << picture(points))) throw std::runtime_error{"cannot write " + how.plot};
  std::printf("steps: loads of 2, 20, 5, 40 and 1 workers' worth, %.1f s each: %s\n",
              each_step.count(), how.plot.c_str());
  const std::lock_guard lock{mutex};
  for (const auto& one : decisions) {
    std::printf("  %6.2f s  %2zu -> %2zu  %.*s\n", seconds{one.inputs.now - begun}.count(),
                one.from, one.to, static_cast<int>(one.rule.size()), one.rule.data());
  }
}

}  // namespace bench
