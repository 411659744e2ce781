// GLib's GThreadPool: unbounded; a task is a pointer, so a closure is boxed. Results go through a
// GAsyncQueue.
#include "bench/pool/subject_main.hpp"

#include <cstddef>
#include <cstdint>
#include <future>
#include <glib.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace {

struct boxed {
  boxed() = default;
  boxed(const boxed&) = delete;
  boxed& operator=(const boxed&) = delete;
  virtual ~boxed() = default;
  virtual void run() = 0;
};

template <class F>
struct boxed_closure final : boxed {
  explicit boxed_closure(F closure) : f{std::move(closure)} {}
  void run() override { f(); }
  F f;
};

class glib_pool {
 public:
  glib_pool(unsigned workers, std::size_t /*capacity*/)
      : pool_{g_thread_pool_new(run_one, nullptr, static_cast<gint>(workers), TRUE, nullptr)} {}
  ~glib_pool() { g_thread_pool_free(pool_, FALSE, TRUE); }
  glib_pool(const glib_pool&) = delete;
  glib_pool& operator=(const glib_pool&) = delete;

  template <class F>
  void post(F f) {
    boxed* const task = new boxed_closure<F>{std::move(f)};
    g_thread_pool_push(pool_, task, nullptr);
  }
  template <class F>
  auto submit(F f) {
    std::packaged_task<decltype(f())()> packaged{std::move(f)};
    auto future = packaged.get_future();
    post(std::move(packaged));
    return future;
  }
  template <class F>
  std::uint64_t collect(std::uint64_t tasks, F f) {
    GAsyncQueue* const results = g_async_queue_new();
    std::jthread producer{[&] {
      for (std::uint64_t id = 0; id < tasks; ++id) {
        post([results, f, id] { g_async_queue_push(results, new std::uint64_t{f(id)}); });
      }
    }};
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      const std::unique_ptr<std::uint64_t> value{
          static_cast<std::uint64_t*>(g_async_queue_pop(results))};
      sum += *value;
    }
    return sum;  // the queue is left to the end of the process: a worker may be in its last push
  }

 private:
  static void run_one(gpointer task, gpointer /*pool*/) {
    const std::unique_ptr<boxed> owned{static_cast<boxed*>(task)};
    owned->run();
  }

  GThreadPool* pool_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string version = std::to_string(glib_major_version) + "." +
                              std::to_string(glib_minor_version) + "." +
                              std::to_string(glib_micro_version);
  return bench::subject_main<glib_pool>(argc, argv, "GLib GThreadPool " + version);
}
