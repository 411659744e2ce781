// Does every result arrive once, whatever lands first, is refused, or is closed meanwhile?
#include "millpool/result/result_buffer.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

void land(result_buffer<int>& buffer, std::uint64_t place, int value) {
  buffer.land(place, std::optional<int>{value}, nullptr, task_state::succeeded);
}

// Two producers through one place; a reader reads until the last of them has closed.
template <result_order order>
struct one_place {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      while (auto outcome = buffer.pop_until(no_deadline)) sum += std::move(*outcome).value();
      return;
    }
    for (int i = 0; i < 2; ++i) {
      const auto place = buffer.reserve(no_deadline);
      check(place.has_value(), "an open buffer lets everybody in, in turn");
      check(buffer.outstanding() <= 1, "the capacity is not exceeded, not by one");
      if (which == 2 && i == 0) {
        buffer.land_empty(*place);
      } else {
        land(buffer, *place, which == 1 ? 1 : 10);
      }
    }
    if (ended.fetch_add(1) == 1) buffer.close();
  }
  void end() { check(sum == 12, "every result is read once, and a refused task gives none"); }

  explore::virtual_clock time;
  result_buffer<int> buffer{1, order, time};
  atomic<unsigned> ended{0};
  int sum = 0;
};

TEST(ResultBufferModel, AtCapacityOneEveryResultIsReadOnce) {
  explore::expect_holds<one_place<result_order::completion>>();
  explore::expect_holds<one_place<result_order::submission>>();
}

// Both places are reserved in order; the second may land first, and the first may be refused.
struct landing_out_of_order {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      const auto first = buffer.pop_until(no_deadline);
      check(first.has_value() && first->value() == 2, "the refused one is passed over");
      const auto second = buffer.pop_until(no_deadline);
      check(second.has_value() && second->value() == 3, "results come in the order of submission");
      check(!buffer.pop_until(no_deadline), "closed, and all is read");
    } else if (which == 1) {
      buffer.land_empty(0);
      const auto third = buffer.reserve(no_deadline);
      check(third == 2, "reservations count up");
      land(buffer, *third, 3);
      buffer.close();
    } else {
      land(buffer, 1, 2);
    }
  }
  void end() { check(buffer.outstanding() == 0, "nothing is left"); }

  landing_out_of_order() {
    (void)buffer.reserve(no_deadline);
    (void)buffer.reserve(no_deadline);
  }
  explore::virtual_clock time;
  result_buffer<int> buffer{2, result_order::submission, time};
};

TEST(ResultBufferModel, ResultsThatLandOutOfOrderAreReadInOrder) {
  explore::expect_holds<landing_out_of_order>();
}

// Two readers, and a producer that leaves: nobody is left asleep.
struct two_readers {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      for (int i = 0; i < 3; ++i) land(buffer, *buffer.reserve(no_deadline), 1);
      buffer.close();
    } else {
      while (buffer.pop_until(no_deadline)) read.fetch_add(1);
    }
  }
  void end() { check(read.load() == 3, "every result is read once"); }

  explore::virtual_clock time;
  result_buffer<int> buffer{2, result_order::completion, time};
  atomic<unsigned> read{0};
};

TEST(ResultBufferModel, TwoReadersShareTheResultsAndBothEnd) {
  explore::expect_holds<two_readers>();
}

TEST(ResultBufferModel, CatchesANotifyThatWakesTooFew) {
  explore::expect_caught<one_place<result_order::completion>>(fault::notify_one_wakes_nobody);
  explore::expect_caught<one_place<result_order::submission>>(fault::notify_all_wakes_nobody);
  explore::expect_caught<two_readers>(fault::notify_all_wakes_one);
}

}  // namespace
}  // namespace millpool
