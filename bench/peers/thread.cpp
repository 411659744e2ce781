// A thread a task, what people write before they know pools.
#include "bench/pool/subject_main.hpp"

#include <cstddef>
#include <future>
#include <thread>
#include <utility>

namespace {

class thread_a_task {
 public:
  thread_a_task(unsigned /*workers*/, std::size_t /*capacity*/) {}

  template <class F>
  void post(F f) {
    std::thread{std::move(f)}.detach();
  }
  template <class F>
  auto submit(F f) {
    std::packaged_task<decltype(f())()> packaged{std::move(f)};
    auto future = packaged.get_future();
    post(std::move(packaged));
    return future;
  }

  template <class F>
  void run(F f) {
    f();
  }
  template <class F, class G>
  void both(F f, G g) {
    std::thread forked{[&f] { f(); }};
    g();
    forked.join();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main<thread_a_task>(argc, argv, "a thread a task");
}
