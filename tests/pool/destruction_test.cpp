// Promise P2: a task's callable, and all that it captured, is destroyed before its result can be
// seen.
#include "millpool/result/result_channel.hpp"
#include "millpool/result/task_group.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <stdexcept>
#include <thread>

namespace millpool {
namespace {

using P2_Destruction = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P2_Destruction);

TEST_P(P2_Destruction, ComesBeforeTheValueIsSeen) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(3000); ++i) {
    auto answer = pool.submit([cargo = new_payload()] { return 42; });
    while (!answer.is_ready()) std::this_thread::yield();
    ASSERT_EQ(payloads_alive, 0);
    ASSERT_EQ(answer.get(), 42);
  }
}

TEST_P(P2_Destruction, ComesBeforeTheErrorIsSeen) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(500); ++i) {
    auto answer = pool.submit([cargo = new_payload()] { throw std::runtime_error{"broken"}; });
    ASSERT_EQ(answer.take().state(), task_state::failed);
    ASSERT_EQ(payloads_alive, 0);
  }
}

TEST_P(P2_Destruction, ComesBeforeACancellationOrAnExpiryIsSeen) {
  worker_pool pool{options()};
  std::stop_source stopped;
  stopped.request_stop();
  for (int i = 0; i < test::scaled(500); ++i) {
    auto cancelled = pool.submit({.stop_token = stopped.get_token()}, [cargo = new_payload()] {});
    ASSERT_EQ(cancelled.take().state(), task_state::cancelled);
    ASSERT_EQ(payloads_alive, 0);
    auto expired = pool.submit({.start_by = duration::zero()}, [cargo = new_payload()] {});
    ASSERT_EQ(expired.take().state(), task_state::expired);
    ASSERT_EQ(payloads_alive, 0);
  }
}

TEST_P(P2_Destruction, ComesBeforeAContinuationRuns) {
  worker_pool pool{options()};
  for (int i = 0; i < test::scaled(500); ++i) {
    const int alive = pool.submit([cargo = new_payload()] {})
                          .then([this] { return payloads_alive.load(); })
                          .get();
    ASSERT_EQ(alive, 0);
  }
}

TEST_P(P2_Destruction, ComesBeforeAGroupIsWaitedFor) {
  worker_pool pool{options()};
  task_group group{pool};
  for (int i = 0; i < test::scaled(300); ++i) {
    for (int j = 0; j < 10; ++j) ASSERT_TRUE(group.run([cargo = new_payload()] {}));
    group.wait();
    ASSERT_EQ(payloads_alive, 0);
  }
}

TEST_P(P2_Destruction, ComesBeforeAResultIsPopped) {
  worker_pool pool{options()};
  result_channel<int> results{1};
  for (int i = 0; i < test::scaled(1000); ++i) {
    ASSERT_TRUE(results.submit(pool, [cargo = new_payload(), i] { return i; }));
    ASSERT_EQ(results.pop()->value(), i);
    ASSERT_EQ(payloads_alive, 0);
  }
}

TEST_P(P2_Destruction, ComesBeforeACancelledShutdownIsSeen) {
  worker_pool pool{options()};
  test::occupation busy{pool, workers()};
  auto waiting = pool.try_submit([cargo = new_payload()] {});
  ASSERT_TRUE(waiting);
  std::jthread closer{[&] { pool.cancel(); }};
  EXPECT_EQ(waiting->take().state(), task_state::cancelled);
  EXPECT_EQ(payloads_alive, 0);
  busy.let_go();
}

TEST_P(P2_Destruction, OfARefusedTaskComesBeforeTheSubmissionReturns) {
  worker_pool pool{options()};
  pool.close();
  auto refused = pool.submit([cargo = new_payload()] {});
  EXPECT_EQ(payloads_alive, 0);
  EXPECT_THROW(refused.get(), submit_error);
}

TEST_P(P2_Destruction, OfAPurgedTaskComesBeforeItsResultIsSeen) {
  worker_pool pool{options()};
  pool.pause();
  auto dropped = pool.submit([cargo = new_payload()] {});
  pool.purge().clear();
  EXPECT_EQ(payloads_alive, 0);
  EXPECT_EQ(dropped.take().state(), task_state::discarded);

  auto run = pool.submit([cargo = new_payload()] {});
  auto purged = pool.purge();
  purged.at(0)();
  ASSERT_TRUE(run.is_ready());
  EXPECT_EQ(payloads_alive, 0);
  EXPECT_EQ(run.take().state(), task_state::succeeded);
}

}  // namespace
}  // namespace millpool
