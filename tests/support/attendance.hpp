// Support for tests: how many are somewhere at once.
#pragma once

#include <atomic>

namespace millpool::test {

/// How many are in it at once, and were at most.
class attendance {
 public:
  void come() {
    const int now = ++inside_;
    int most = most_;
    while (now > most && !most_.compare_exchange_weak(most, now)) {
    }
  }
  void go() { --inside_; }
  /// Comes, goes, and has something else done meanwhile.
  template <class F>
  void during(F f) {
    come();
    f();
    go();
  }
  [[nodiscard]] int inside() const { return inside_; }
  [[nodiscard]] int most() const { return most_; }

 private:
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

}  // namespace millpool::test
