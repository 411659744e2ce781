// Is a token ever lost between a thread that parks and those that unpark it?
#include "millpool/sync/parker.hpp"
#include "tests/support/explore/explore.hpp"

#include <gtest/gtest.h>

namespace millpool {
namespace {

using explore::check;
using explore::fault;

// The owner parks twice; two others each leave a token. Two unparks before a park are one token, so
// the second waker waits until the first token was taken.
struct two_tokens_in_turn {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      bed.park();
      check(sent.load() >= 1, "park() returns only with a token");
      taken.unpark();
      bed.park();
      check(sent.load() == 2, "the second park() takes the second token");
    } else if (which == 1) {
      sent.fetch_add(1);
      bed.unpark();
    } else {
      taken.park();
      sent.fetch_add(1);
      bed.unpark();
    }
  }
  void end() {}

  parker bed;
  parker taken;
  atomic<unsigned> sent{0};
};

TEST(ParkerModel, NoTokenIsLost) { explore::expect_holds<two_tokens_in_turn>(); }

// What the worker of a pool does: it sleeps for a while, gives up, and must then find the token
// that came at the last moment.
struct a_token_at_the_deadline {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      if (!bed.park_until(time, time.now() + std::chrono::seconds{1})) {
        check(time.now() >= time_point{std::chrono::hours{1}} + std::chrono::seconds{1},
              "park_until() gives up no earlier than its deadline");
        bed.park();
      }
      check(value == 1, "what was done before unpark() is seen after park()");
    } else if (which == 1) {
      value = 1;
      bed.unpark();
    } else {
      explore::step("bystander", this);
    }
  }
  void end() {}

  explore::virtual_clock time;
  parker bed;
  int value = 0;
};

TEST(ParkerModel, ATokenThatComesAtTheDeadlineIsTaken) {
  explore::expect_holds<a_token_at_the_deadline>();
}

// Many unparks, each after its own piece of work: the last one is never swallowed.
struct unparks_that_merge {
  static constexpr unsigned threads = 3;

  void thread(unsigned which) {
    if (which == 0) {
      while (done.load() < 4) bed.park();
    } else {
      for (int i = 0; i < 2; ++i) {
        done.fetch_add(1);
        bed.unpark();
      }
    }
  }
  void end() {}

  parker bed;
  atomic<unsigned> done{0};
};

TEST(ParkerModel, OfManyTokensAtLeastTheLastIsTaken) {
  explore::expect_holds<unparks_that_merge>();
}

TEST(ParkerModel, CatchesAWakeThatWakesNobody) {
  explore::expect_caught<two_tokens_in_turn>(fault::futex_wakes_nobody);
}
TEST(ParkerModel, CatchesAnRmwThatIsALoadAndAStore) {
  explore::expect_caught<unparks_that_merge>(fault::rmw_is_load_and_store);
  explore::expect_caught<a_token_at_the_deadline>(fault::rmw_is_load_and_store);
}

}  // namespace
}  // namespace millpool
