// block_cache: blocks are reused, and no more of them are kept than was said.
#include "millpool/base/block_cache.hpp"

#include "tests/support/allocations.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace millpool {
namespace {

constexpr std::size_t whole = block_cache::block_bytes;

TEST(BlockCache, GivesABlockThatCameBackToTheNextWhoAsks) {
  block_cache cache{2};
  void* const first = cache.allocate(8);
  cache.deallocate(first, 8);
  const auto before = test::allocations_of_this_thread();
  void* const second = cache.allocate(whole);
  EXPECT_EQ(second, first);
  EXPECT_EQ(test::allocations_of_this_thread(), before);
  cache.deallocate(second, whole);
}

TEST(BlockCache, KeepsNoMoreBlocksThanItsBound) {
  block_cache cache{2};
  std::vector<void*> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(cache.allocate(whole));
  for (void* block : blocks) cache.deallocate(block, whole);
  blocks.clear();
  blocks.reserve(4);
  const auto before = test::allocations_of_this_thread();
  for (int i = 0; i < 4; ++i) blocks.push_back(cache.allocate(whole));
  EXPECT_EQ(test::allocations_of_this_thread() - before, 2u);
  for (void* block : blocks) cache.deallocate(block, whole);
}

TEST(BlockCache, OfBoundZeroKeepsNothingAndStillWorks) {
  block_cache cache{0};
  void* const block = cache.allocate(whole);
  cache.deallocate(block, whole);
  const auto before = test::allocations_of_this_thread();
  cache.deallocate(cache.allocate(1), 1);
  EXPECT_EQ(test::allocations_of_this_thread() - before, 1u);
}

TEST(BlockCache, TakesWhatIsTooLargeForABlockFromTheGeneralAllocator) {
  block_cache cache{2};
  void* const large = cache.allocate(whole + 1);
  std::memset(large, 1, whole + 1);
  cache.deallocate(large, whole + 1);
  const auto before = test::allocations_of_this_thread();
  cache.deallocate(cache.allocate(whole), whole);
  EXPECT_EQ(test::allocations_of_this_thread() - before,
            1u);  // the large one was not kept as a block
}

TEST(BlockCache, AlignsAsOperatorNewDoes) {
  block_cache cache{1};
  void* const block = cache.allocate(24);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0u);
  cache.deallocate(block, 24);
}

TEST(BlockCache, NeverGivesOneBlockToTwoThreads) {
  block_cache cache{8};
  const int rounds = test::scaled(20'000);
  test::run_together(4, [&](int thread) {
    for (int i = 0; i < rounds; ++i) {
      auto* const mine = static_cast<int*>(cache.allocate(sizeof(int)));
      *mine = thread;
      auto* const another = static_cast<int*>(cache.allocate(sizeof(int)));
      *another = -1;
      ASSERT_EQ(*mine, thread);
      cache.deallocate(mine, sizeof(int));
      cache.deallocate(another, sizeof(int));
    }
  });
}

}  // namespace
}  // namespace millpool
