#include "millpool/pool/metrics.hpp"

#include "millpool/pool/worker_pool.hpp"
#include "millpool/telemetry/process_metrics.hpp"
#include "src/pool/registry.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millpool {
namespace {

using seconds = std::chrono::duration<double>;

// One page's families. In a family each pool has its samples in a row.
class page_of_pools {
 public:
  page_of_pools(exposition& page, std::span<const pool_stats> pools) noexcept
      : page_{page}, pools_{pools} {}

  void write_workers();
  void write_queue();
  void write_tasks();
  void write_times();
  void write_events();
  void write_breakers();

 private:
  // One number a pool, `of` it.
  template <class Of>
  void one_each(std::string_view name, metric_type type, std::string_view help, Of of,
                std::string_view unit = {}) {
    page_.family(name, type, help, unit);
    for (const pool_stats& each : pools_) {
      const auto number = std::invoke(of, each);
      if constexpr (std::is_floating_point_v<decltype(number)>) {
        page_.value({{"pool", each.name}}, number);
      } else {
        page_.value({{"pool", each.name}}, static_cast<std::uint64_t>(number));
      }
    }
  }
  template <class Of>
  void gauge(std::string_view name, std::string_view help, Of of, std::string_view unit = {}) {
    one_each(name, metric_type::gauge, help, of, unit);
  }
  template <class Of>
  void counter(std::string_view name, std::string_view help, Of of) {
    one_each(name, metric_type::counter, help, of);
  }
  // Calls visit(pool, class) for those without one, and for each class.
  template <class Visit>
  void for_each_class(Visit visit) const {
    for (const pool_stats& each : pools_) {
      visit(each, each.without_class);
      for (const class_stats& row : each.classes) visit(each, row);
    }
  }
  void by_lane(const pool_stats& of, std::span<const std::uint64_t, lane_count> numbers);
  void histograms(std::string_view name, std::string_view help,
                  histogram_snapshot task_times::*which);

  exposition& page_;
  std::span<const pool_stats> pools_;
};

constexpr std::array<std::string_view, lane_count> lanes{"0", "1", "2", "3", "4", "5", "6", "7"};

void page_of_pools::by_lane(const pool_stats& of,
                            std::span<const std::uint64_t, lane_count> numbers) {
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    page_.value({{"pool", of.name}, {"lane", lanes[lane]}}, numbers[lane]);
  }
}

double busy(const pool_stats& of) noexcept {
  const std::size_t all = std::max<std::size_t>(of.max_workers, 1);
  const std::size_t at_work = of.workers.running + of.workers.blocked;
  return std::min(1.0, static_cast<double>(at_work) / static_cast<double>(all));
}

void page_of_pools::write_workers() {
  page_.family("millpool_workers", metric_type::gauge, "Workers, by what they do.");
  for (const pool_stats& each : pools_) {
    const std::pair<std::string_view, std::size_t> all[] = {{"idle", each.workers.idle},
                                                            {"running", each.workers.running},
                                                            {"blocked", each.workers.blocked}};
    for (const auto& [state, workers] : all) {
      page_.value({{"pool", each.name}, {"state", state}}, static_cast<std::uint64_t>(workers));
    }
  }
  gauge("millpool_workers_active", "Workers that may work at once.", &pool_stats::active_workers);
  gauge("millpool_workers_min", "The least workers there are.", &pool_stats::min_workers);
  gauge("millpool_workers_max", "The most workers there may be.", &pool_stats::max_workers);
  gauge("millpool_workers_compensating", "Workers that stand in for blocked or stuck ones.",
        &pool_stats::compensating);
  gauge("millpool_saturation", "Workers in a task over the most there may be, 0 to 1.", busy);
  gauge("millpool_desired_replicas_hint",
        "Processes like this one that would do what it has to do now; to be summed up.",
        desired_replicas_hint);
  counter("millpool_threads_started", "Workers' threads that were started.",
          &pool_stats::threads_started);
  counter("millpool_thread_failures", "Workers' threads that could not be started.",
          &pool_stats::thread_failures);
}

void page_of_pools::write_queue() {
  page_.family("millpool_queue_depth", metric_type::gauge,
               "Tasks that wait, by lane, 0 the highest priority.");
  for (const pool_stats& each : pools_) {
    std::array<std::uint64_t, lane_count> depth{};
    std::ranges::copy(each.depth, depth.begin());
    by_lane(each, depth);
  }
  gauge("millpool_queue_capacity", "Tasks that may wait.", &pool_stats::queue_capacity);
  gauge("millpool_queue_put_off", "Tasks that wait beyond the capacity, submitted by tasks.",
        &pool_stats::put_off);
  gauge("millpool_tasks_delayed", "Tasks whose time has not come yet.", &pool_stats::delayed);
  gauge(
      "millpool_queue_oldest_age_seconds", "Age of the task that has waited longest.",
      [](const pool_stats& of) { return seconds{of.oldest_waiting}.count(); }, "seconds");
  gauge("millpool_paused", "1: no task starts.", &pool_stats::paused);
  gauge("millpool_overloaded", "1: submissions of some priorities are refused.",
        &pool_stats::overloaded);
}

void page_of_pools::write_tasks() {
  counter("millpool_tasks_accepted", "Tasks that were accepted.",
          [](const pool_stats& of) { return of.tasks.accepted; });
  page_.family("millpool_tasks", metric_type::counter, "Tasks that ended, by how they did.");
  for_each_class([&](const pool_stats& of, const class_stats& row) {
    for (std::size_t i = 0; i < task_state_count; ++i) {
      page_.value({{"pool", of.name},
                   {"class", row.name},
                   {"outcome", to_string(static_cast<task_state>(i))}},
                  row.ended[i]);
    }
  });
  gauge("millpool_tasks_running", "Tasks that were taken, and have not ended.",
        [](const pool_stats& of) { return of.tasks.running; });
  page_.family("millpool_retries", metric_type::counter,
               "Tasks that started and were not the first attempt.");
  for_each_class([&](const pool_stats& of, const class_stats& row) {
    page_.value({{"pool", of.name}, {"class", row.name}}, row.retries);
  });
  page_.family("millpool_rejections", metric_type::counter,
               "Submissions that were refused, by reason.");
  for (const pool_stats& each : pools_) {
    for (std::size_t i = 0; i < submit_errc_count; ++i) {
      page_.value({{"pool", each.name}, {"reason", to_string(static_cast<submit_errc>(i))}},
                  each.refused[i]);
    }
  }
  page_.family("millpool_shed", metric_type::counter,
               "Accepted tasks that were given up under overload, by lane.");
  for (const pool_stats& each : pools_) by_lane(each, each.shed);
}

void page_of_pools::histograms(std::string_view name, std::string_view help,
                               histogram_snapshot task_times::*which) {
  page_.family(name, metric_type::histogram, help, "seconds");
  for (const pool_stats& each : pools_) {
    for (const task_times& row : each.times) {
      page_.histogram(
          {{"pool", each.name}, {"class", row.task_class}, {"lane", lanes[row.priority]}},
          row.*which);
    }
  }
}

void page_of_pools::write_times() {
  histograms("millpool_queue_wait_seconds", "From submission to start.", &task_times::wait);
  histograms("millpool_task_run_seconds", "From start to end.", &task_times::run);
}

void page_of_pools::write_events() {
  counter("millpool_steals", "Tasks that a worker took from another.", &pool_stats::steals);
  counter("millpool_parks", "Times that a worker went to sleep.", &pool_stats::parks);
  page_.family("millpool_scale_events", metric_type::counter,
               "Changes of how many workers may work at once, by direction and reason.");
  for (const pool_stats& each : pools_) {
    for (const scaling_count& row : each.scalings) {
      page_.value(
          {{"pool", each.name}, {"direction", row.up ? "up" : "down"}, {"reason", row.rule}},
          row.times);
    }
  }
  gauge("millpool_tasks_stuck", "Running tasks that were found stuck.", &pool_stats::stuck);
  counter("millpool_stuck", "Tasks that were ever found stuck.", &pool_stats::stuck_total);
  counter("millpool_deadlocks", "Deadlocks among tasks that were found.", &pool_stats::deadlocks);
}

void page_of_pools::write_breakers() {
  const auto for_each_state = [&](auto visit) {
    for (const pool_stats& each : pools_) {
      for (const breaker_view& row : each.breakers) {
        for (const auto& entry : row.seen.entered) visit(each, row, entry);
      }
    }
  };
  page_.family("millpool_circuit_breaker_state", metric_type::gauge,
               "1 for the state that the breaker is in.");
  for_each_state([&](const pool_stats& of, const breaker_view& row, const auto& entry) {
    page_.value({{"pool", of.name},
                 {"class", row.task_class},
                 {"breaker", row.seen.name},
                 {"state", entry.state}},
                std::uint64_t{entry.state == row.seen.state});
  });
  page_.family("millpool_circuit_breaker_transitions", metric_type::counter,
               "Times that the breaker came into a state.");
  for_each_state([&](const pool_stats& of, const breaker_view& row, const auto& entry) {
    page_.value({{"pool", of.name},
                 {"class", row.task_class},
                 {"breaker", row.seen.name},
                 {"to", entry.state}},
                entry.times);
  });
}

}  // namespace

std::vector<pool_stats> stats_of_all_pools() {
  std::vector<pool_stats> all;
  const auto add = [&](worker_pool& pool, const std::string& name) {
    all.push_back(pool.stats());
    all.back().name = name;
  };
  // One that goes meanwhile may be followed by another of its name.
  const auto is_new = [&](const std::string& name) {
    return std::ranges::find(all, name, &pool_stats::name) == all.end();
  };
  registry::here().visit(is_new, add);
  return all;
}

std::string name_among_all(const worker_pool& pool) { return registry::here().name_of(pool); }

bool with_pool(std::string_view name, const std::function<void(worker_pool&)>& f) {
  bool is_there = false;
  registry::here().visit([&](const std::string& each) { return each == name; },
                         [&](worker_pool& pool, const std::string&) {
                           is_there = true;
                           f(pool);
                         });
  return is_there;
}

void write_pool_metrics(exposition& page, std::span<const pool_stats> pools) {
  page.family("millpool_build", metric_type::info, "What this program was built with.");
  page.value({{"version", MILLPOOL_VERSION}, {"compiler", __VERSION__}}, std::uint64_t{1});
  page_of_pools all{page, pools};
  all.write_workers();
  all.write_queue();
  all.write_tasks();
  all.write_times();
  all.write_events();
  all.write_breakers();
}

std::string metrics_page(metrics_format format) {
  exposition page{format};
  write_pool_metrics(page, stats_of_all_pools());
  write_process_metrics(page);
  return std::move(page).finish();
}

double desired_replicas_hint(const pool_stats& pool) noexcept {
  constexpr double most_busy = 0.8;
  constexpr double until_gone = 10.0;  // seconds
  const auto workers = static_cast<double>(std::max<std::size_t>(pool.max_workers, 1));
  const double to_do =
      static_cast<double>(pool.tasks.waiting) * seconds{pool.run.mean()}.count() / until_gone;
  return (busy(pool) * workers + to_do) / (workers * most_busy);
}

}  // namespace millpool
