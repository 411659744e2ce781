// OpenMP tasks. Where many tasks wait, GCC's runtime runs new ones in the thread that makes them:
// that is no hand-over, so it is marked, and is not the one to beat.
#include "bench/pool/subject_main.hpp"

#include <cstddef>
#include <omp.h>
#include <string>

namespace {

template <bool producer_is_extra>
class openmp_region {
 public:
  openmp_region(unsigned workers, std::size_t /*capacity*/)
      : threads_{static_cast<int>(workers) + (producer_is_extra ? 1 : 0)} {}

  template <class F>
  void produce(F body) {
#pragma omp parallel num_threads(threads_)
#pragma omp single
    body();
    // The region ends when all tasks have.
  }
  template <class F>
  void post(F f) {
#pragma omp task firstprivate(f)
    f();
  }
  void wait() {}

  template <class F>
  void run(F f) {
    produce(f);
  }
  template <class F, class G>
  void both(F f, G g) {
#pragma omp task shared(f)
    f();
    g();
#pragma omp taskwait
  }

 private:
  int threads_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main<openmp_region<true>, openmp_region<false>>(
      argc, argv, "OpenMP tasks " + std::to_string(_OPENMP));
}
