#include "millpool/policy/sizing.hpp"

#include "millpool/base/cpu.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace millpool::sizing {
namespace {

template <class Value>
[[noreturn]] void refuse(const char* argument, Value value, const char* wanted) {
  std::ostringstream text;
  text << "millpool::sizing: " << argument << " = " << value << ": " << wanted;
  throw std::invalid_argument{text.str()};
}

void require_above_zero(const char* argument, double value) {
  if (!(value > 0.0) || std::isinf(value)) refuse(argument, value, "must be above 0 and finite");
}

void require_workers(std::size_t workers) {
  if (workers == 0 || workers > max_workers) {
    refuse("workers", workers, "must be from 1 to 1000000");
  }
}

// Rounds up, but not for the last bit: 100 x 1.1 is 110, though 110.00000000000001 in binary.
double round_up(double value) { return std::ceil(value * (1.0 - 1e-12)); }

unsigned workers_for(double cpus, double per_cpu, const char* argument, double value) {
  const double workers = std::max(1.0, round_up(cpus * per_cpu));
  if (workers > max_workers) refuse(argument, value, "asks for more than 1000000 workers");
  return static_cast<unsigned>(workers);
}

unsigned workers_for(double cpus, double per_cpu) {
  require_above_zero("cpus", cpus);
  return workers_for(cpus, per_cpu, "cpus", cpus);
}

}  // namespace

unsigned cpu_bound() { return cpu_bound(available_cpus().limit()); }

unsigned cpu_bound(double cpus) { return workers_for(cpus, 1.0); }

unsigned io_bound(double wait_ratio) { return io_bound(wait_ratio, available_cpus().limit()); }

unsigned io_bound(double wait_ratio, double cpus) {
  if (!(wait_ratio >= 0.0) || std::isinf(wait_ratio)) {
    refuse("wait_ratio", wait_ratio, "must be 0 or more, and finite");
  }
  require_above_zero("cpus", cpus);
  return workers_for(cpus, 1.0 + wait_ratio, "wait_ratio", wait_ratio);
}

unsigned article_cpu() { return article_cpu(available_cpus().limit()); }

unsigned article_cpu(double cpus) { return workers_for(cpus, 2.0); }

unsigned article_io() { return article_io(available_cpus().limit()); }

unsigned article_io(double cpus) { return workers_for(cpus, 5.0); }

std::size_t article_queue_capacity(std::size_t workers) {
  require_workers(workers);
  return workers + (workers + 1) / 2;
}

std::size_t queue_capacity(std::size_t workers) {
  require_workers(workers);
  return std::max<std::size_t>(1024, 2 * workers);
}

std::size_t queue_capacity(const load& expected) {
  if (expected.burst == 0) refuse("burst", expected.burst, "must be at least 1");
  require_above_zero("tasks_per_second", expected.tasks_per_second);
  const double budget_s = std::chrono::duration<double>{expected.latency_budget}.count();
  require_above_zero("latency_budget in seconds", budget_s);

  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
  const std::size_t twice_the_burst = 2 * std::min(expected.burst, most);
  // By Little's law: so many tasks get done while the last one waits for its budget.
  const double done_in_budget = std::floor(expected.tasks_per_second * budget_s * (1.0 + 1e-12));
  if (done_in_budget >= static_cast<double>(twice_the_burst)) return twice_the_burst;
  return std::max<std::size_t>(1, static_cast<std::size_t>(done_in_budget));
}

}  // namespace millpool::sizing
