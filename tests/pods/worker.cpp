// A pod: takes tasks from a broker, runs them in a pool, and on SIGTERM ends in order: /readyz says
// 503, no more is taken, what is in hand may finish until the drain timeout, the rest is given
// back, exit 0. Its last line is its pool's account; where it cannot be written, the exit is 1.
//   millpool_pod_worker --socket PATH --pod N [--threads N] [--capacity N] [--drain-timeout TIME]
#include "apps/support/flags.hpp"
#include "apps/support/io.hpp"
#include "apps/support/signals.hpp"
#include "apps/support/units.hpp"
#include "millpool/admin_server.hpp"
#include "millpool/millpool.hpp"
#include "tests/pods/wire.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <poll.h>
#include <string>
#include <utility>
#include <variant>

namespace millpool::pods {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr const char* program = "millpool_pod_worker";

struct worker_options {
  std::string socket;
  unsigned pod = 0;
  std::size_t threads = 4;
  std::size_t capacity = 12;
  duration drain_timeout = 5s;
};

/// A task in our hands. Whoever drops it without having done it gives it back: be that the pool,
/// which refuses it or cancels it, or the task itself, which was told to stop.
class lease {
 public:
  lease(int broker, std::uint64_t number) noexcept : broker_(broker), number_(number) {}
  lease(lease&& other) noexcept
      : broker_(std::exchange(other.broker_, -1)), number_(other.number_) {}
  lease& operator=(lease&&) = delete;
  ~lease() {
    if (broker_ >= 0) send(broker_, given_back{number_});
  }
  void finish(std::uint64_t checksum) { send(std::exchange(broker_, -1), done{number_, checksum}); }

 private:
  int broker_;
  std::uint64_t number_;
};

/// Waits as long as the work says. \return false if it was told to stop before.
[[nodiscard]] bool wait_for(const work& task, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any over;
  std::unique_lock lock{mutex};
  const auto never = [] { return false; };
  if (task.until_stopped && task.attempt == 1) return over.wait(lock, stop, never);
  over.wait_for(lock, stop, task.waits, never);
  return !stop.stop_requested();
}

void run(const work& task, lease& mine, const task_context& context) {
  const auto until = steady_clock::now() + task.computes;
  const std::uint64_t checksum = checksum_of(task);
  while (steady_clock::now() < until) {
  }
  if (!wait_for(task, context.stop_token())) throw task_stopped{};
  mine.finish(checksum);
}

/// How long the pool took from its first thought of more threads until it had all.
class growth {
 public:
  void see(const scaling_decision& decided, std::size_t all) noexcept {
    const duration now = steady_clock::now().time_since_epoch();
    duration none{};
    first_.compare_exchange_strong(none, now);
    if (decided.to == all) {
      none = duration{};
      took_.compare_exchange_strong(none, now - first_.load());
    }
  }
  [[nodiscard]] duration took() const noexcept { return took_.load(); }

 private:
  std::atomic<duration> first_{duration{}};
  std::atomic<duration> took_{duration{}};
};

void take(worker_pool& pool, int broker, const work& task) {
  // With a timeout it has a stop_token that fires in the shutdown's cancel step. A refusal destroys
  // the lease, and so gives the task back.
  (void)pool.post({.timeout = 1h},
                  [task, mine = lease{broker, task.number}](task_context& context) mutable {
                    run(task, mine, context);
                  });
}

/// Takes tasks until a signal comes, or the broker is gone.
void serve(worker_pool& pool, int broker, app::signal_events& signals) {
  for (;;) {
    std::array<pollfd, 2> events{pollfd{signals.fd(), POLLIN, 0}, pollfd{broker, POLLIN, 0}};
    ::poll(events.data(), events.size(), -1);
    if (signals.next()) return;
    const auto received = receive(broker);
    if (!received && received.error() == no_message::ever) return;
    if (received) {
      if (const auto* const task = std::get_if<work>(&*received)) take(pool, broker, *task);
    }
  }
}

/// Gives back what was on its way when we said `stopping`. A broker that does not answer does not
/// keep us beyond `until`.
void give_back_the_rest(int broker, time_point until) {
  for (;;) {
    const auto received = receive(broker);
    if (!received && received.error() == no_message::ever) return;
    if (received) {
      if (std::holds_alternative<agreed>(*received)) return;
      if (const auto* const task = std::get_if<work>(&*received))
        lease{broker, task->number};  // dropped, and so given back
      continue;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    pollfd event{broker, POLLIN, 0};
    if (left <= 0ms || ::poll(&event, 1, static_cast<int>(left.count())) == 0) return;
  }
}

int work_for_the_broker(const worker_options& options) {
  app::signal_events signals{SIGTERM, SIGINT};
  const app::unique_fd broker = connect_to(options.socket);
  growth grown;
  worker_pool pool{{
      .name = "pod",
      .min_workers = 1,
      .max_workers = options.threads,
      .scaling = scale_by(
          {.queue_depth_threshold = 2,
           .cooldown = 1s,
           .on_decision =
               [&](const scaling_decision& decided) { grown.see(decided, options.threads); }}),
      .queue_capacity = options.capacity,
      .when_full = full_policy::reject,
      .keep_alive = 250ms,
  }};
  admin_server admin{{pool}, {}};
  // The broker never gives us more than the channel holds: so none is refused before the end.
  send(broker.get(), hello{options.pod, admin.port(), static_cast<unsigned>(options.capacity)});
  serve(pool, broker.get(), signals);

  // Before the broker knows: whoever asks from here on gets a 503. The pool is not closed yet, and
  // works on what is in hand, so that nothing but this says so.
  admin.set_draining();
  send(broker.get(), stopping{});
  give_back_the_rest(broker.get(), steady_clock::now() + agreement_limit);
  // From here, so that a broker that is slow to agree takes none of the tasks' time.
  const shutdown_report report = pool.shutdown({.drain = options.drain_timeout});
  send(broker.get(), farewell{report.tasks, grown.took()});
  std::cout << "pod " << options.pod << ": " << report.tasks << std::endl;
  return std::cout && report.tasks.balanced() && report.tasks.inside() == 0 ? 0 : 1;
}

int main_of(int argc, const char* const* argv) {
  worker_options options;
  app::flags flags(program, "A pod of millpool_pods.", "millpool_pod_worker --socket PATH --pod N");
  flags.value(
      "--socket", "PATH",
      [&](const std::string& v) -> app::wrong {
        options.socket = v;
        return std::nullopt;
      },
      "Where the broker listens");
  flags.value(
      "--pod", "N", [&](const std::string& v) { return app::put_count(v, 1'000'000, options.pod); },
      "Its number");
  flags.value(
      "--threads", "N",
      [&](const std::string& v) { return app::put_count(v, 1000, options.threads); },
      "Threads at most (4)");
  flags.value(
      "--capacity", "N",
      [&](const std::string& v) { return app::put_count(v, 1000, options.capacity); },
      "Tasks in hand at most (12)");
  flags.value(
      "--drain-timeout", "TIME",
      [&](const std::string& v) { return app::put(app::parse_duration(v), options.drain_timeout); },
      "For so long tasks may finish, once nothing more comes (5s)");
  const auto outcome = flags.parse(argc, argv);
  if (outcome.exit) return app::end_at_once(program, *outcome.exit, outcome.text);
  return work_for_the_broker(options);
}

}  // namespace
}  // namespace millpool::pods

int main(int argc, char** argv) {
  try {
    return millpool::pods::main_of(argc, argv);
  } catch (const std::exception& error) {
    millpool::app::complain(millpool::pods::program, error.what());
    return 2;
  }
}
