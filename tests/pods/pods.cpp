// Pods under a load that grows tenfold and falls again: an open loop of tasks, a broker, worker
// processes, and the HPA's algorithm, which decides how many. Prints what it saw; exits with 1 if a
// task was lost or done twice, a pod did not end in order, or an account does not balance.
//   millpool_pods [flags]; see --help
//
// The outer loop's times are a tenth of those that the real controller's trace was made with; the
// inner loop, the threads of each pod's pool, runs at its own pace. Four acts:
//
//   1. rate, then 10 x rate, each until the number of pods is steady (steady.hpp says what that is)
//   2. a pod is killed with tasks in its hands; the load goes on
//   3. rate again, until it is steady
//   4. a pod has more in hand than it can finish, and is told to end: it gives these tasks back
#include "apps/support/flags.hpp"
#include "apps/support/io.hpp"
#include "apps/support/signals.hpp"
#include "apps/support/units.hpp"
#include "tests/pods/cluster.hpp"
#include "tests/pods/hpa.hpp"
#include "tests/pods/steady.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::pods {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr const char* program = "millpool_pods";

/// What the autoscaler is told.
enum class metric : std::uint8_t {
  /// All that is not done, waiting or running. It is proportional to the load also where nothing
  /// waits (Little's law): so there is a number of pods at which it is on its target.
  unfinished,
  /// What no thread can have begun. It is nothing as soon as there are pods enough, be they just
  /// enough or ten times too many: it never says how many are needed.
  waiting,
};

struct pods_options {
  double rate = 64;  ///< tasks a second
  double factor = 10;
  std::chrono::microseconds computes = 50us;
  std::chrono::microseconds waits = 25ms;
  metric what = metric::unfinished;
  duration hold = 2500ms;
  duration limit = 30s;
  bool must_settle = false;
  cluster_options cluster{.drain_timeout = 500ms};
  hpa_options hpa{
      .target_average = 3,  // three of a pod's four threads at work
      .min_replicas = 1,
      .max_replicas = 12,
      .sync_period = 200ms,
      .scale_up = {.policies = {{hpa_policy::kind::percent, 100, 500ms},
                                {hpa_policy::kind::pods, 4, 500ms}}},
      .scale_down = {.policies = {{hpa_policy::kind::percent, 50, 500ms}}, .stabilization = 2s}};
};

/// A folder that goes when its owner does.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = std::filesystem::temp_directory_path() / "millpool-pods.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
      throw std::system_error{errno, std::generic_category(), name};
    path_ = name;
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// How many tasks are due: so many a second, whatever becomes of them.
class open_loop {
 public:
  void set(time_point now, double rate) noexcept {
    since_ = now;
    rate_ = rate;
    made_ = 0;
  }
  [[nodiscard]] double rate() const noexcept { return rate_; }
  [[nodiscard]] unsigned due(time_point now) noexcept {
    const auto all = static_cast<unsigned>(seconds{now - since_}.count() * rate_);
    const unsigned due = all - made_;
    made_ = all;
    return due;
  }

 private:
  time_point since_{};
  double rate_ = 0;
  unsigned made_ = 0;
};

struct interrupted : std::runtime_error {
  interrupted() : std::runtime_error{"interrupted"} {}
};

class performance {
 public:
  performance(const pods_options& options, app::signal_events& signals)
      : options_(options),
        signals_(signals),
        cluster_(options.cluster),
        hpa_(options.hpa),
        steady_(options.hpa, options.hold),
        began_(steady_clock::now()),
        next_sync_(began_),
        looked_(began_) {}

  void run() {
    std::cout << "      t    rate   depth  wanted desired   ready\n";
    cluster_.scale_to(replicas_);
    await([&] { return cluster_.ready() == replicas_; }, "the first pod is ready");
    (void)until_steady(options_.rate);
    up_ = until_steady(options_.rate * options_.factor);
    cluster_.kill_one(usual());
    go_on(steady_clock::now() + 1s);
    down_ = until_steady(options_.rate);
    load_.set(steady_clock::now(), 0);
    give_back_what_cannot_end();
    await([&] { return cluster_.unfinished() == 0; }, "all tasks are done");
    cluster_.scale_to(0);
    await([&] { return cluster_.processes() == 0; }, "all pods have ended");
  }

  /// \return whether all is as it must be.
  [[nodiscard]] bool tell() const;

 private:
  [[nodiscard]] work usual() const {
    return {.computes = options_.computes, .waits = options_.waits};
  }
  [[nodiscard]] duration t() const { return steady_clock::now() - began_; }

  /// The load, and a sync whenever one is due, until `end`.
  void go_on(time_point end) {
    constexpr duration tick = 2ms;
    for (auto now = steady_clock::now(); now < end; now = steady_clock::now()) {
      if (signals_.next()) throw interrupted{};
      for (unsigned n = load_.due(now); n > 0; --n) cluster_.add(usual());
      look(now);
      if (now >= next_sync_) sync(now);
      cluster_.run_until(std::min({end, now + tick, next_sync_}));
    }
  }

  // A depth counts for as long as it was the last that was seen: looks come at uneven times, and
  // mostly where much happens.
  void look(time_point now) {
    const double elapsed = seconds{now - looked_}.count();
    depth_ += seen_depth_ * elapsed;
    looked_for_ += elapsed;
    looked_ = now;
    seen_depth_ = static_cast<double>(options_.what == metric::unfinished ? cluster_.unfinished()
                                                                          : cluster_.waiting());
  }

  std::optional<duration> until_steady(double rate) {
    load_.set(steady_clock::now(), rate);
    steady_.begin(t());
    const time_point limit = steady_clock::now() + options_.limit;
    while (!steady_.took() && steady_clock::now() < limit)
      go_on(steady_clock::now() + options_.hpa.sync_period);
    if (options_.must_settle && !steady_.took()) throw std::runtime_error{"never: a steady state"};
    return steady_.took();
  }

  void sync(time_point now) {
    // The mean since the last sync, as avg_over_time() of a gauge: a single look at some few tasks
    // is off by one as often as not, and that is more than the tolerance.
    const double depth = looked_for_ > 0 ? depth_ / looked_for_ : seen_depth_;
    depth_ = looked_for_ = 0;
    const sample seen{t(), depth, hpa_.sync(now, replicas_, depth), cluster_.ready()};
    steady_.see(seen);
    next_sync_ = std::max(next_sync_ + options_.hpa.sync_period, now);
    show(seen);
    note_direction(seen.decided);
    replicas_ = seen.decided.to;
    cluster_.scale_to(replicas_);
  }

  // A line where something has changed, and each second.
  void show(const sample& seen) {
    const auto& decided = seen.decided;
    if (decided.to == decided.from && seen.ready == shown_ready_ && load_.rate() == shown_rate_ &&
        seen.t < shown_ + 1s)
      return;
    shown_ = seen.t;
    shown_ready_ = seen.ready;
    shown_rate_ = load_.rate();
    std::cout << std::fixed << std::setprecision(2) << std::setw(7) << seconds{seen.t}.count()
              << std::setprecision(0) << std::setw(8) << load_.rate() << std::setprecision(1)
              << std::setw(8) << seen.depth << std::setw(8) << decided.recommended << std::setw(8)
              << decided.to << std::setw(8) << seen.ready << std::endl;
  }

  void note_direction(const hpa_decision& decided) {
    if (decided.to == decided.from) return;
    const bool is_up = decided.to > decided.from;
    if (went_up_ && *went_up_ != is_up) ++reversals_;
    went_up_ = is_up;
    most_ = std::max(most_, decided.to);
  }

  void give_back_what_cannot_end() {
    await([&] { return cluster_.unfinished() == 0; }, "the load is done");
    cluster_.scale_to(1);
    await([&] { return cluster_.processes() == 1 && cluster_.ready() == 1; }, "there is one pod");
    work endless = usual();
    endless.until_stopped = true;
    const unsigned count = options_.cluster.threads + 2;  // some run, some wait
    for (unsigned i = 0; i < count; ++i) cluster_.add(endless);
    await([&] { return cluster_.book().waiting() == 0; }, "a pod has what it cannot finish");
    const std::size_t before = cluster_.account().given_back;
    cluster_.replace_one();
    await([&] { return cluster_.account().given_back >= before + count; }, "it gives that back");
  }

  template <class Condition>
  void await(Condition holds, const char* what) {
    const time_point limit = steady_clock::now() + options_.limit;
    while (!holds()) {
      if (signals_.next()) throw interrupted{};
      if (steady_clock::now() > limit) throw std::runtime_error{std::string{"never: "} + what};
      cluster_.run_until(steady_clock::now() + 1ms);
    }
  }

  const pods_options& options_;
  app::signal_events& signals_;
  cluster cluster_;
  autoscaler hpa_;
  steady_watch steady_;
  open_loop load_;
  const time_point began_;
  time_point next_sync_;
  unsigned replicas_ = 1;
  double depth_ = 0;       // seen since the last sync: its integral over the time
  double looked_for_ = 0;  // that time, in seconds
  time_point looked_;      // the last look, and what it saw
  double seen_depth_ = 0;
  std::optional<duration> up_;
  std::optional<duration> down_;
  std::optional<bool> went_up_;
  unsigned reversals_ = 0;
  unsigned most_ = 1;
  duration shown_{};
  unsigned shown_ready_ = 0;
  double shown_rate_ = -1;
};

std::string in_seconds(std::optional<duration> d) {
  if (!d) return "not reached";
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << seconds{*d}.count() << " s";
  return text.str();
}

bool performance::tell() const {
  const cluster_account& account = cluster_.account();
  const task_book& book = cluster_.book();
  std::vector<std::string> faults = account.faults;
  if (cluster_.unfinished() != 0) faults.emplace_back("tasks are lost");
  if (account.started != account.ended_in_order + account.killed)
    faults.emplace_back("pods are missing");
  if (account.ledgers != account.ended_in_order) faults.emplace_back("accounts are missing");

  std::cout << "tasks: " << book.total() << " made, " << book.done() << " done once, "
            << cluster_.unfinished() << " lost, " << book.deliveries() - book.total()
            << " delivered again\n"
            << "pods: " << account.started << " started, at most " << most_ << " at once, "
            << account.ended_in_order << " ended with 0, " << account.killed << " killed: it held "
            << account.returned << ", which came back\n"
            << "drains: " << account.drains << ", /readyz said 503 in each, "
            << account.drains_with_work << " with tasks in hand; " << account.given_back
            << " tasks given back\n"
            << "ledgers: " << account.ledgers << ", all balance: " << account.tasks << '\n';
  std::vector<duration> grown = account.grown_in;
  std::ranges::sort(grown);
  if (!grown.empty()) {
    std::cout << "inner loop: 1 -> " << options_.cluster.threads << " threads in " << std::fixed
              << std::setprecision(1) << seconds{grown[grown.size() / 2]}.count() * 1e3
              << " ms (the median of " << grown.size() << " pods)\n";
  }
  std::cout
      << "outer loop: a sync each "
      << std::chrono::duration_cast<std::chrono::milliseconds>(options_.hpa.sync_period).count()
      << " ms; " << reversals_ << " changes of direction\n"
      << "time to steady state: up " << in_seconds(up_) << ", down " << in_seconds(down_) << '\n';
  for (const std::string& fault : faults) std::cout << "FAULT: " << fault << '\n';
  return faults.empty();
}

void add_flags(app::flags& flags, pods_options& out) {
  using app::put;
  using app::wrong;
  const auto time = [&flags](const std::string& name, duration& target, const std::string& help) {
    flags.value(
        name, "TIME",
        [&target](const std::string& v) { return put(app::parse_duration(v), target); }, help);
  };
  flags.group("Load");
  flags.value(
      "--rate", "N", [&](const std::string& v) { return put(app::parse_decimal(v), out.rate); },
      "Tasks a second at first and at last (64)");
  flags.value(
      "--factor", "N", [&](const std::string& v) { return put(app::parse_decimal(v), out.factor); },
      "So many times as many between (10)");
  const auto into_us = [](auto& target, std::uint64_t most) {
    return [&target, most](const std::string& v) {
      unsigned us = 0;
      auto bad = app::put_count(v, most, us);
      target = std::chrono::microseconds{us};
      return bad;
    };
  };
  flags.value("--computes", "US", into_us(out.computes, 1'000'000),
              "A task computes for so many microseconds (50)");
  flags.value("--waits", "US", into_us(out.waits, 10'000'000), "And waits for so many (25000)");
  flags.group("Autoscaler");
  flags.value(
      "--metric", "WHAT",
      [&](const std::string& v) -> wrong {
        if (v != "unfinished" && v != "waiting")
          return "'" + v + "' is neither unfinished nor waiting";
        out.what = v == "waiting" ? metric::waiting : metric::unfinished;
        return std::nullopt;
      },
      "Tasks that it counts: unfinished (the default) or waiting");
  flags.value(
      "--target", "N",
      [&](const std::string& v) { return put(app::parse_decimal(v), out.hpa.target_average); },
      "Tasks a pod (3)");
  flags.value(
      "--max", "N",
      [&](const std::string& v) { return app::put_count(v, 100, out.hpa.max_replicas); },
      "Pods at most (12)");
  time("--sync", out.hpa.sync_period, "Period of its syncs (200ms)");
  time("--up-window", out.hpa.scale_up.stabilization, "scaleUp's stabilization (0s)");
  time("--down-window", out.hpa.scale_down.stabilization, "scaleDown's stabilization (2s)");
  time("--hold", out.hold, "So long a steady state has to last (2500ms)");
  time("--limit", out.limit, "So long anything is waited for (30s)");
  flags.toggle("--must-settle", out.must_settle, "Ends at the first load that is never steady");
  flags.group("Pods");
  flags.value(
      "--threads", "N",
      [&](const std::string& v) { return app::put_count(v, 100, out.cluster.threads); },
      "Threads of a pod at most (4)");
  flags.value(
      "--capacity", "N",
      [&](const std::string& v) { return app::put_count(v, 1000, out.cluster.capacity); },
      "Tasks that a pod has in hand at most (12)");
  time("--drain-timeout", out.cluster.drain_timeout,
       "After a pod has said that it ends, its tasks may finish so long (500ms)");
  flags.value(
      "--worker", "PROGRAM",
      [&](const std::string& v) -> wrong {
        out.cluster.worker = v;
        return std::nullopt;
      },
      "millpool_pod_worker (the one beside this program)");
}

int main_of(int argc, const char* const* argv) {
  pods_options options;
  options.cluster.worker =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "millpool_pod_worker";
  app::flags flags(program, "Worker processes, scaled as Kubernetes would.",
                   "millpool_pods [flags]");
  add_flags(flags, options);
  const auto outcome = flags.parse(argc, argv);
  if (outcome.exit) return app::end_at_once(program, *outcome.exit, outcome.text);

  app::signal_events signals{SIGTERM, SIGINT};
  const scratch_folder folder;
  options.cluster.folder = folder.path();
  performance play{options, signals};
  try {
    play.run();
  } catch (const interrupted&) {
    throw;
  } catch (const std::exception&) {
    (void)play.tell();  // what it saw may tell why
    throw;
  }
  return play.tell() ? 0 : 1;
}

}  // namespace
}  // namespace millpool::pods

int main(int argc, char** argv) {
  try {
    return millpool::pods::main_of(argc, argv);
  } catch (const std::exception& error) {
    millpool::app::complain(millpool::pods::program, error.what());
    return 1;
  }
}
