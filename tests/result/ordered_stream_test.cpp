// ordered_stream: results in the order of submission. What it shares with result_channel is tested
// there.
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/result_channel.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace millpool {
namespace {

TEST(OrderedStream, HoldsBackWhatCameAfterASlowTask) {
  worker_pool pool{{.min_workers = 2, .max_workers = 2}};
  ordered_stream<int> results{3};
  test::gate open;
  ASSERT_TRUE(results.submit(pool, [&] {
    open.pass();
    return 1;
  }));
  ASSERT_TRUE(results.submit(pool, [] { return 2; }));
  EXPECT_FALSE(results.try_pop().has_value());
  open.open();
  EXPECT_EQ(results.pop()->value(), 1);
  EXPECT_EQ(results.pop()->value(), 2);
}

TEST(OrderedStream, PassesOverWhatWasRefusedInTheMiddle) {
  worker_pool pool{{.min_workers = 1, .max_workers = 1}};
  worker_pool closed{{.min_workers = 1, .max_workers = 1}};
  closed.close();
  ordered_stream<int> results{4};
  test::gate open;
  ASSERT_TRUE(results.submit(pool, [&] {
    open.pass();
    return 1;
  }));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(results.submit(closed, [] { return 9; }).error(), submit_errc::closed);
  }
  ASSERT_TRUE(results.submit(pool, [] { return 2; }));
  results.close();
  open.open();
  std::vector<int> all;
  for (auto& each : results) all.push_back(each.value());
  EXPECT_EQ(all, (std::vector{1, 2}));
}

TEST(OrderedStream, EndsAReaderWhenTheLastPlaceWasRefused) {
  worker_pool closed{{.min_workers = 1, .max_workers = 1}};
  closed.close();
  ordered_stream<int> results{2};
  std::jthread reader{[&] { EXPECT_FALSE(results.pop().has_value()); }};
  EXPECT_EQ(results.submit(closed, [] { return 9; }).error(), submit_errc::closed);
  results.close();
}

TEST(OrderedStream, Stress_KeepsTheOrderUnderWorkersOfEveryNumber) {
  for (std::size_t workers : {1u, 2u, 8u}) {
    for (std::size_t capacity : {1u, 4u, 64u}) {
      worker_pool pool{{.min_workers = workers, .max_workers = workers, .queue_capacity = 8}};
      ordered_stream<int> results{capacity};
      const int count = test::scaled(2'000);
      std::jthread submitter{[&] {
        for (int i = 0; i < count; ++i) {
          const auto priority = static_cast<unsigned>(i % 8);
          ASSERT_TRUE(results.submit(pool, {.priority = priority}, [i] { return i; }));
        }
        results.close();
      }};
      int expected = 0;
      for (auto& each : results) ASSERT_EQ(each.value(), expected++);
      EXPECT_EQ(expected, count);
    }
  }
}

}  // namespace
}  // namespace millpool
