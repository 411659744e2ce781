// Support for tests: a value that counts births and deaths, and that can throw when it is moved.
#pragma once

#include <atomic>
#include <stdexcept>

namespace millpool::test {

/// Who was born, who died, and how many moves still go well.
struct census {
  std::atomic<int> births{0};
  std::atomic<int> deaths{0};
  std::atomic<int> moves_until_throw{-1};  ///< 0: the next move throws, once; below 0: none does

  [[nodiscard]] int alive() const { return births - deaths; }
};

struct move_failed : std::runtime_error {
  move_failed() : std::runtime_error{"the move was told to fail"} {}
};

/// A number that is entered in a census. Moving it may throw; it is then left as it was.
class counted {
 public:
  counted(census& people, int number) : people_{&people}, number_{number} { ++people_->births; }
  counted(const counted& other) : people_{other.people_}, number_{other.number_} { enter(); }
  counted(counted&& other) : people_{other.people_}, number_{other.number_} {  // NOLINT: may throw
    enter();
    other.number_ = moved_from;
  }
  counted& operator=(const counted& other) = default;
  counted& operator=(counted&& other) = default;
  ~counted() { ++people_->deaths; }

  static constexpr int moved_from = -1;
  [[nodiscard]] int number() const { return number_; }

 private:
  void enter() {
    if (people_->moves_until_throw >= 0) {
      if (people_->moves_until_throw.fetch_sub(1) == 0) throw move_failed{};
    }
    ++people_->births;
  }

  census* people_;
  int number_;
};

}  // namespace millpool::test
