// oneTBB: task_arena::enqueue for what comes from outside, task_group for what tasks make.
#include "bench/pool/subject_main.hpp"

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <tbb/concurrent_queue.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/version.h>
#include <thread>
#include <utility>

namespace {

/// Its limit counts the thread that calls; this one enters no arena, so all workers are TBB's own.
class tbb_arena {
 public:
  tbb_arena(unsigned workers, std::size_t /*capacity*/)
      : limit_{tbb::global_control::max_allowed_parallelism, workers + 1},
        arena_{static_cast<int>(workers), 0} {}

  template <class F>
  void post(F f) {
    arena_.enqueue(std::move(f));
  }
  template <class F>
  auto submit(F f) {
    // Shared, since TBB calls a const copy of the task.
    auto packaged = std::make_shared<std::packaged_task<decltype(f())()>>(std::move(f));
    auto future = packaged->get_future();
    arena_.enqueue([packaged] { (*packaged)(); });
    return future;
  }
  template <class F>
  std::uint64_t collect(std::uint64_t tasks, F f) {
    // Never destroyed: a worker may still be in its last push.
    auto& results = *new tbb::concurrent_bounded_queue<std::uint64_t>;
    const std::jthread producer{[&] {
      for (std::uint64_t id = 0; id < tasks; ++id) post([&results, f, id] { results.push(f(id)); });
    }};
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      std::uint64_t value = 0;
      results.pop(value);
      sum += value;
    }
    return sum;
  }

 private:
  tbb::global_control limit_;
  tbb::task_arena arena_;
};

/// Here the calling thread works too, once it waits: it is one of the workers.
class tbb_group {
 public:
  tbb_group(unsigned workers, std::size_t /*capacity*/)
      : limit_{tbb::global_control::max_allowed_parallelism, workers} {}

  template <class F>
  void post(F f) {
    group_.run(std::move(f));
  }
  void wait() { group_.wait(); }

  template <class F>
  void run(F f) {
    f();
  }
  template <class F, class G>
  void both(F f, G g) {
    tbb::task_group forked;
    forked.run([&f] { f(); });
    g();
    forked.wait();
  }

 private:
  tbb::global_control limit_;
  tbb::task_group group_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string version = TBB_VERSION_STRING;
  return bench::subject_main<tbb_arena, tbb_group>(argc, argv, "oneTBB " + version);
}
