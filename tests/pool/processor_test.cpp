// The typed pool.
#include "millpool/pool/processor.hpp"

#include "tests/support/pool_fixture.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace millpool {
namespace {

using Processor = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(Processor);

TEST_P(Processor, GivesAResultForEachTask) {
  processor<std::string, std::size_t> lengths{[](std::string s) { return s.size(); },
                                              {.pool = options(), .result_capacity = 8}};
  std::jthread producer{[&] {
    for (std::size_t i = 0; i < 1000; ++i) EXPECT_TRUE(lengths.push(std::string(i, 'x')));
    lengths.close();
  }};
  std::size_t sum = 0;
  std::size_t count = 0;
  for (auto& length : lengths.results()) {
    sum += std::move(length).value();
    ++count;
  }
  EXPECT_EQ(count, 1000U);
  EXPECT_EQ(sum, 999U * 1000 / 2);
}

TEST_P(Processor, CarriesValuesThatOnlyMove) {
  processor<std::unique_ptr<int>, std::unique_ptr<int>> doubler{
      [](std::unique_ptr<int> n) { return std::make_unique<int>(2 * *n); }, {.pool = options()}};
  ASSERT_TRUE(doubler.push(std::make_unique<int>(21)));
  EXPECT_EQ(*doubler.results().pop()->value(), 42);
}

TEST_P(Processor, GivesAnErrorAsAResult) {
  processor<int, int> broken{[](int n) -> int { throw std::out_of_range{std::to_string(n)}; },
                             {.pool = options()}};
  ASSERT_TRUE(broken.push(7));
  const auto result = broken.results().pop();
  EXPECT_EQ(result->state(), task_state::failed);
  EXPECT_THROW((void)result->value(), std::out_of_range);
}

TEST_P(Processor, RefusesAfterCloseAndStillGivesWhatWasAccepted) {
  processor<int, int> same{[](int n) { return n; }, {.pool = options()}};
  ASSERT_TRUE(same.push(1));
  same.close();
  same.close();
  EXPECT_FALSE(same.push(2));
  EXPECT_EQ(same.results().pop()->value(), 1);
  EXPECT_FALSE(same.results().pop());
}

TEST_P(Processor, MayEndWithResultsUnread) {
  processor<int, test::payload> maker{[this](int) { return new_payload(); }, {.pool = options()}};
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(maker.push(i));
}

TEST_P(Processor, PassesOptionsOn) {
  processor<int, int> same{[](int n) { return n; }, {.pool = options()}};
  ASSERT_TRUE(same.push(1, {.start_by = duration::zero()}));
  EXPECT_EQ(same.results().pop()->state(), task_state::expired);
  EXPECT_EQ(same.pool().stats().tasks.expired, 1U);
}

}  // namespace
}  // namespace millpool
