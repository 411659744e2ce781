// No pool at all: one thread calls the functions. W1 is compared with half of this.
#include "bench/pool/subject_main.hpp"

#include <cstddef>

namespace {

class plain_calls {
 public:
  plain_calls(unsigned /*workers*/, std::size_t /*capacity*/) {}

  template <class F>
  void post(F f) {
    f();
  }
  void wait() {}
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main<plain_calls>(argc, argv, "one thread, no pool");
}
