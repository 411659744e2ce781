// What a task costs in instructions and allocations, path by path: figures that do not depend on
// who else uses the machine. <program> <path> <rounds>, or <program> about.
//
// A round does the same however threads are scheduled: there is one worker, no other takes its
// place, and tasks from outside are submitted while it is busy. Prints `tasks allocations` of the
// rounds. The instructions are counted from outside: the difference between many rounds and few.
#include "bench/pool/cases/inside.hpp"
#include "millpool/millpool.hpp"
#include "tests/support/allocations.hpp"

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <vector>

namespace {

using millpool::worker_pool;

constexpr std::uint64_t stream_tasks = 4096;
constexpr unsigned tree_depth = 7;
constexpr unsigned fib_n = 22;

constexpr auto nothing = [] {};
constexpr auto one = [] { return 1; };

/// The one worker is in a task that sleeps, until release(); and outlives it. Unlike in
/// test::occupation nobody looks again and again: it is the same instructions each time.
class occupied_worker {
 public:
  explicit occupied_worker(worker_pool& pool) {
    std::unique_lock lock{mutex_};
    (void)pool.post([this] {
      std::unique_lock inside{mutex_};
      is_there_ = true;
      changed_.notify_one();
      changed_.wait(inside, [this] { return may_go_; });
    });
    changed_.wait(lock, [this] { return is_there_; });
  }
  occupied_worker(const occupied_worker&) = delete;
  occupied_worker& operator=(const occupied_worker&) = delete;
  void release() {
    const std::lock_guard lock{mutex_};
    may_go_ = true;
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_there_ = false;
  bool may_go_ = false;
};

/// A: tasks that are posted from outside.
std::uint64_t post_and_run(worker_pool& pool) {
  occupied_worker busy{pool};
  for (std::uint64_t i = 0; i < stream_tasks; ++i) (void)pool.post(nothing);
  busy.release();
  pool.wait_idle();
  return stream_tasks;
}

/// C: tasks with a result, which is there when it is asked for.
std::uint64_t submit_and_get(worker_pool& pool) {
  static std::vector<millpool::future<int>> futures = [] {
    std::vector<millpool::future<int>> none;
    none.reserve(stream_tasks);
    return none;
  }();
  occupied_worker busy{pool};
  for (std::uint64_t i = 0; i < stream_tasks; ++i) futures.push_back(pool.submit(one));
  busy.release();
  pool.wait_idle();
  for (auto& each : futures) (void)each.get();
  futures.clear();
  return stream_tasks;
}

// NOLINTNEXTLINE(misc-no-recursion): a tree grows by recursion, as users write it
void grow(worker_pool& pool, unsigned depth) {
  for (unsigned i = 0; depth > 0 && i < bench::tree_fan; ++i) {
    (void)pool.post([&pool, depth] { grow(pool, depth - 1); });
  }
}

/// D: tasks that tasks post.
std::uint64_t spawn_inside(worker_pool& pool) {
  (void)pool.post([&pool] { grow(pool, tree_depth); });
  pool.wait_idle();
  return bench::tree_tasks(tree_depth);
}

// NOLINTNEXTLINE(misc-no-recursion): a tree grows by recursion, as users write it
unsigned fib(worker_pool& pool, unsigned n) {
  if (n < 2) return n;
  unsigned x = 0;
  unsigned y = 0;
  millpool::join(
      pool, [&] { x = fib(pool, n - 1); }, [&] { y = fib(pool, n - 2); });
  return x + y;
}

/// F: fork and join.
std::uint64_t fork_and_join(worker_pool& pool) {
  (void)pool.post([&pool] { (void)fib(pool, fib_n); });
  pool.wait_idle();
  bench::fibonacci done;
  while (done.n < fib_n) done.step();
  return done.joins();
}

using path = std::uint64_t (*)(worker_pool&);

path path_of(std::string_view name) {
  if (name == "A") return post_and_run;
  if (name == "C") return submit_and_get;
  if (name == "D") return spawn_inside;
  if (name == "F") return fork_and_join;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "about") return std::puts(MILLPOOL_BUILT_WITH) < 0 ? 1 : 0;
  const path run = path_of(name);
  if (run == nullptr || argc != 3) return 2;
  const unsigned long rounds = std::strtoul(argv[2], nullptr, 10);

  const millpool::manual_clock stands_still;  // so every task is short
  worker_pool pool{{.min_workers = 1,
                    .max_workers = 1,
                    .queue_capacity = 2 * stream_tasks,
                    .max_compensation = 0,
                    .time = &stands_still}};
  for (int i = 0; i < 2; ++i) (void)run(pool);  // what is allocated once is allocated now
  const std::uint64_t before = millpool::test::allocations_of_all_threads();
  std::uint64_t tasks = 0;
  for (unsigned long i = 0; i < rounds; ++i) tasks += run(pool);
  const std::uint64_t allocations = millpool::test::allocations_of_all_threads() - before;
  std::printf("%llu %llu\n", static_cast<unsigned long long>(tasks),
              static_cast<unsigned long long>(allocations));
  return 0;
}
