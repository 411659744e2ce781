// std::async: libstdc++ starts a thread a call. The futures are kept, since dropping one waits for
// it.
#include "bench/pool/subject_main.hpp"

#include <cstddef>
#include <future>
#include <mutex>
#include <utility>
#include <vector>

namespace {

class async_calls {
 public:
  async_calls(unsigned /*workers*/, std::size_t /*capacity*/) {}

  template <class F>
  void post(F f) {
    auto future = std::async(std::launch::async, std::move(f));
    const std::lock_guard lock{mutex_};  // B has four producers, D many
    futures_.push_back(std::move(future));
  }
  template <class F>
  auto submit(F f) {
    return std::async(std::launch::async, std::move(f));
  }

  template <class F>
  void run(F f) {
    f();
  }
  template <class F, class G>
  void both(F f, G g) {
    auto future = std::async(std::launch::async, [&f] { f(); });
    g();
    future.get();
  }

 private:
  std::mutex mutex_;
  std::vector<std::future<void>> futures_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main<async_calls>(argc, argv, "std::async");
}
