// Millpool through its public interface, metrics on, as a user would write it.
#include "bench/pool/subject_main.hpp"
#include "millpool/millpool.hpp"

#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

namespace {

millpool::pool_options of_size(unsigned workers, std::size_t capacity) {
  millpool::pool_options options;
  options.min_workers = workers;
  options.max_workers = workers;
  options.queue_capacity = capacity;
  return options;
}

class millpool_subject {
 public:
  static constexpr bool bounded = true;

  millpool_subject(unsigned workers, std::size_t capacity) : pool_{of_size(workers, capacity)} {}

  template <class F>
  void post(F f) {
    (void)pool_.post(std::move(f));  // a refusal would show in the count of tasks
  }
  template <class F>
  auto submit(F f) {
    return pool_.submit(std::move(f));
  }
  void wait() { pool_.wait_idle(); }

  template <class F>
  void run(F f) {
    pool_.submit([&f] { f(); }).get();
  }
  template <class F, class G>
  void both(F f, G g) {
    millpool::join(pool_, g, f);
  }

  template <class F>
  std::uint64_t collect(std::uint64_t tasks, F f) {
    millpool::result_channel<std::uint64_t> results{1024};
    const std::jthread producer{[&] {
      for (std::uint64_t id = 0; id < tasks; ++id) {
        (void)results.submit(pool_, [f, id] { return f(id); });
      }
      results.close();
    }};
    std::uint64_t sum = 0;
    for (const auto& result : results) sum += result.value();
    return sum;
  }

 private:
  millpool::worker_pool pool_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main<millpool_subject>(argc, argv, "Millpool");
}
