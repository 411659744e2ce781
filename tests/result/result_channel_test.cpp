// result_channel: every accepted task gives one result, in the order in which they end.
#include "millpool/result/result_channel.hpp"

#include "millpool/base/manual_clock.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "tests/support/counted.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;

struct ResultChannel : testing::Test {
  test::census people;  // outlives the pool, whose worker may be the last to let go of a result
  worker_pool pool{{.min_workers = 2, .max_workers = 2}};
};

TEST_F(ResultChannel, RefusesACapacityOfZero) {
  EXPECT_THROW(result_channel<int>{0}, std::invalid_argument);
}

TEST_F(ResultChannel, GivesResultsInTheOrderInWhichTasksEnd) {
  result_channel<int> results{2};
  test::gate open;
  ASSERT_TRUE(results.submit(pool, [&] {
    open.pass();
    return 1;
  }));
  ASSERT_TRUE(results.submit(pool, [] { return 2; }));
  EXPECT_EQ(results.pop()->value(), 2);
  EXPECT_FALSE(results.try_pop().has_value());
  open.open();
  EXPECT_EQ(results.pop()->value(), 1);
}

TEST_F(ResultChannel, GivesAResultHoweverATaskEnded) {
  result_channel<int> results{3};
  std::stop_source stop;
  stop.request_stop();
  ASSERT_TRUE(results.submit(pool, []() -> int { throw std::out_of_range{"x"}; }));
  ASSERT_TRUE(results.submit(pool, {.stop_token = stop.get_token()}, [] { return 1; }));
  ASSERT_TRUE(results.submit(pool, [] { return 2; }));
  results.close();
  std::vector<task_state> ends;
  for (const auto& each : results) ends.push_back(each.state());
  std::ranges::sort(ends);
  EXPECT_EQ(ends, (std::vector{task_state::succeeded, task_state::failed, task_state::cancelled}));
}

TEST_F(ResultChannel, HoldsNoMoreThanItsCapacity) {
  result_channel<int> results{2};
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(results.try_submit(pool, {}, [] { return 1; }));
  EXPECT_EQ(results.outstanding(), 2u);
  EXPECT_EQ(results.try_submit(pool, {}, [] { return 1; }).error(), submit_errc::full);
  EXPECT_TRUE(results.pop().has_value());
  EXPECT_TRUE(results.try_submit(pool, {}, [] { return 1; }).has_value());
}

TEST_F(ResultChannel, MakesSubmitWaitForTheReader) {
  result_channel<int> results{1};
  std::jthread reader{[&] {
    int sum = 0;
    for (auto& each : results) sum += each.value();
    EXPECT_EQ(sum, 99 * 100 / 2);
  }};
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(results.submit(pool, [i] { return i; }));
  results.close();
}

// The reader reads one and no more until the submitter is through: one place is enough for that.
TEST_F(ResultChannel, LetsASubmitterInAsSoonAsThereIsOnePlace) {
  result_channel<int> results{8};
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(results.submit(pool, [i] { return i; }));
  for (int i = 0; i < 20; ++i) {
    std::jthread submitter{[&] { EXPECT_TRUE(results.submit(pool, [] { return 9; })); }};
    EXPECT_TRUE(results.pop().has_value());
  }
  EXPECT_EQ(results.outstanding(), 8u);
}

TEST_F(ResultChannel, LetsEachOfManySubmittersInAtCapacityOne) {
  result_channel<int> results{1};
  constexpr int submitters = 8;
  const int each = test::scaled(200);
  int sum = 0;
  test::run_together(submitters + 1, [&](int self) {
    if (self < submitters) {
      for (int i = 0; i < each; ++i) ASSERT_TRUE(results.submit(pool, [] { return 1; }));
    } else {
      for (int i = 0; i < submitters * each; ++i) sum += results.pop()->value();
    }
  });
  EXPECT_EQ(sum, submitters * each);
  EXPECT_EQ(results.outstanding(), 0u);
}

// How often the calling thread has gone to sleep, as it reads `results` results of tasks of 5 us.
std::pair<long, duration> sleeps_of_a_reader(worker_pool& pool, int results) {
  const auto sleeps = [] {
    rusage mine{};
    getrusage(RUSAGE_THREAD, &mine);
    return mine.ru_nvcsw;
  };
  result_channel<int> stream{1024};
  const std::jthread submitter{[&] {
    for (int i = 0; i < results; ++i) {
      (void)stream.submit(pool, [] {
        const time_point end = steady().now() + 5us;
        while (steady().now() < end) {
        }
        return 1;
      });
    }
    stream.close();
  }};
  const long before = sleeps();
  const time_point begun = steady().now();
  int read = 0;
  for (const auto& each : stream) read += each.value();
  EXPECT_EQ(read, results);
  return {sleeps() - before, steady().now() - begun};
}

TEST_F(ResultChannel, DoesNotWakeItsReaderForEachResultOfAQuickStream) {
  constexpr int results = 5000;
  int quick = 0;  // tries that say something, though the machine may do other things in these, too
  for (int tries = 0; tries < 20; ++tries) {
    const auto [sleeps, took] = sleeps_of_a_reader(pool, results);
    if (took / results > 10us) continue;
    ++quick;
    if (sleeps < results / 10) return;
  }
  if (quick == 0) GTEST_SKIP() << "there is too little processor time for tasks of 5 us in a row";
  FAIL() << "it slept for more than one result in ten, in each of " << quick << " tries";
}

TEST_F(ResultChannel, IsNotTakenUpByWhatThePoolRefused) {
  worker_pool closed{{.min_workers = 1, .max_workers = 1}};
  closed.close();
  result_channel<int> results{2};
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(results.try_submit(closed, {}, [] { return 1; }).error(), submit_errc::closed);
  }
  EXPECT_EQ(results.outstanding(), 0u);
  ASSERT_TRUE(results.try_submit(pool, {}, [] { return 5; }));
  EXPECT_EQ(results.pop()->value(), 5);
}

TEST_F(ResultChannel, RefusesOnceClosedAndGivesWhatIsUnderWay) {
  result_channel<int> results{2};
  test::gate open;
  ASSERT_TRUE(results.submit(pool, [&] {
    open.pass();
    return 1;
  }));
  results.close();
  EXPECT_TRUE(results.is_closed());
  EXPECT_EQ(results.submit(pool, [] { return 2; }).error(), submit_errc::closed);
  open.open();
  EXPECT_EQ(results.pop()->value(), 1);
  EXPECT_FALSE(results.pop().has_value());
}

TEST_F(ResultChannel, CloseReleasesReadersAndSubmitters) {
  result_channel<int> results{1};
  result_channel<int> empty{1};
  ASSERT_TRUE(results.submit(pool, [] { return 1; }));
  std::jthread submitter{
      [&] { EXPECT_EQ(results.submit(pool, [] { return 2; }).error(), submit_errc::closed); }};
  std::jthread reader{[&] { EXPECT_FALSE(empty.pop().has_value()); }};
  results.close();
  empty.close();
}

TEST_F(ResultChannel, GivesUpAPopAtItsDeadlineInItsOwnTime) {
  manual_clock time;
  result_channel<int> results{1, time};
  EXPECT_FALSE(results.pop_for(0ns).has_value());
  const time_point until = time.now() + 1h;
  std::jthread mover{[&] { time.advance(1h); }};
  EXPECT_FALSE(results.pop_until(until).has_value());
  EXPECT_GE(time.now(), until);
}

TEST_F(ResultChannel, MayGoWhileItsTasksAreUnderWay) {
  test::gate open;
  {
    result_channel<test::counted> results{2};
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(results.submit(pool, [&] {
        open.pass();
        return test::counted{people, 1};
      }));
    }
  }
  open.open();
  pool.wait_idle();
  pool.shutdown();
  EXPECT_EQ(people.births, people.deaths);
}

template <class Stream>
void goes_at_any_moment(test::census& people, worker_pool& pool) {
  for (int round = 0; round < test::scaled(2'000); ++round) {
    Stream results{3};
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(results.submit(pool, [&] { return test::counted{people, 1}; }));
    }
    // The worker whose result ends this wait may still be about to wake us when the stream goes.
    if (round % 2 == 0) {
      EXPECT_TRUE(results.pop().has_value());
    }
  }
  pool.wait_idle();
  pool.shutdown();
  EXPECT_EQ(people.births, people.deaths);
}

TEST_F(ResultChannel, Stress_MayGoAtAnyMomentWhileResultsLand) {
  goes_at_any_moment<result_channel<test::counted>>(people, pool);
}
TEST_F(ResultChannel, Stress_MayGoAtAnyMomentInOrderOfSubmission) {
  goes_at_any_moment<ordered_stream<test::counted>>(people, pool);
}

TEST_F(ResultChannel, GivesTheExceptionOfAMoveThatThrewOnItsWayIn) {
  result_channel<test::counted> results{1};
  ASSERT_TRUE(results.submit(pool, [&] {
    test::counted made{people, 3};
    people.moves_until_throw = 1;  // that of the next line; the one after it is the way in
    return test::counted{std::move(made)};
  }));
  auto ended = results.pop();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->state(), task_state::failed);
  EXPECT_THROW(ended->value(), test::move_failed);
  EXPECT_EQ(results.outstanding(), 0u);
}

TEST_F(ResultChannel, MovesAValueOnceOnItsWayInAndOnceOnItsWayOut) {
  result_channel<test::counted> results{1};
  ASSERT_TRUE(results.submit(pool, [&] {
    people.moves_until_throw = 2;
    return test::counted{people, 3};
  }));
  auto ended = results.pop();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(people.alive(), 1);
  people.moves_until_throw = -1;
  EXPECT_EQ(ended->value().number(), 3);
}

TEST_F(ResultChannel, LosesOneValueWhenItsMoveThrowsOnTheWayOutAndGoesOn) {
  {
    result_channel<test::counted> results{1};
    ASSERT_TRUE(results.submit(pool, [&] { return test::counted{people, 3}; }));
    pool.wait_idle();
    people.moves_until_throw = 0;
    EXPECT_THROW((void)results.pop(), test::move_failed);
    EXPECT_EQ(people.alive(), 0);
    ASSERT_TRUE(results.submit(pool, [&] { return test::counted{people, 4}; }));
    EXPECT_EQ(results.pop()->value().number(), 4);
  }
  EXPECT_EQ(people.alive(), 0);
}

TEST_F(ResultChannel, GivesNothingForATaskWhoseOwnMoveThrewAtItsSubmission) {
  result_channel<int> results{1};
  auto task = [one = test::counted{people, 3}] { return one.number(); };
  people.moves_until_throw = 0;
  EXPECT_THROW((void)results.submit(pool, std::move(task)), test::move_failed);
  EXPECT_EQ(results.outstanding(), 0u);
}

TEST_F(ResultChannel, P5_MayBeFilledAndReadByAWorkerOfThePoolItself) {
  worker_pool one{{.min_workers = 1, .max_workers = 1, .queue_capacity = 1}};
  const int sum = one.submit([&] {
                       result_channel<int> results{4};
                       for (int i = 0; i < 4; ++i) (void)results.submit(one, [i] { return i; });
                       int total = 0;
                       for (int i = 0; i < 4; ++i) total += results.pop()->value();
                       return total;
                     })
                      .get();
  EXPECT_EQ(sum, 6);
}

template <class Stream>
void conserves(std::size_t capacity) {
  worker_pool pool{
      {.min_workers = 2, .max_workers = 2, .queue_capacity = 2, .when_full = full_policy::reject}};
  Stream results{capacity};
  const int each = test::scaled(5'000);
  std::atomic<int> accepted{0};
  std::atomic<int> read{0};
  std::atomic<int> producing{2};
  test::run_together(4, [&](int self) {
    if (self < 2) {
      for (int i = 0; i < each; ++i) {
        if (results.submit(pool, [] { return std::make_unique<int>(1); })) ++accepted;
      }
      if (--producing == 0) results.close();
    } else {
      while (auto one = results.pop()) read += *std::move(*one).value();
    }
  });
  EXPECT_EQ(read, accepted);
  EXPECT_EQ(results.outstanding(), 0u);
}

TEST_F(ResultChannel, Stress_P1_EveryAcceptedTaskGivesOneResult) {
  conserves<result_channel<std::unique_ptr<int>>>(1);
  conserves<result_channel<std::unique_ptr<int>>>(4);
}
TEST(OrderedStream, Stress_P1_EveryAcceptedTaskGivesOneResult) {
  conserves<ordered_stream<std::unique_ptr<int>>>(1);
  conserves<ordered_stream<std::unique_ptr<int>>>(4);
}

}  // namespace
}  // namespace millpool
