// block_cache: blocks are reused, also by other threads, and no more are kept than was said.
#include "millpool/base/block_cache.hpp"

#include "tests/support/allocations.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace millpool {
namespace {

constexpr std::size_t some = 100;  // in bytes; of the size in the middle

// A test begins with no free block, and leaves none.
struct BlockCache : testing::Test {
  BlockCache() { trim_blocks(); }
  ~BlockCache() override { trim_blocks(); }
};

// The same, for what is not so under AddressSanitizer: that blocks are kept.
struct KeptBlocks : BlockCache {
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "under AddressSanitizer no block is kept";
#endif
  }
};

std::vector<void*> take(std::size_t count, std::size_t bytes = some) {
  std::vector<void*> blocks(count);
  for (void*& each : blocks) each = allocate_block(bytes);
  return blocks;
}
void give(const std::vector<void*>& blocks, std::size_t bytes = some) {
  for (void* each : blocks) deallocate_block(each, bytes);
}

// How often the calling thread allocates for `count` blocks.
std::size_t allocations_for(std::size_t count) {
  std::vector<void*> blocks(count);
  const auto before = test::allocations_of_this_thread();
  for (void*& each : blocks) each = allocate_block(some);
  const auto after = test::allocations_of_this_thread();
  give(blocks);
  return after - before;
}

TEST_F(KeptBlocks, GoToTheNextWhoAsksForTheirSize) {
  void* const first = allocate_block(65);
  deallocate_block(first, 65);
  const auto before = test::allocations_of_this_thread();
  void* const second = allocate_block(128);
  EXPECT_EQ(second, first);
  EXPECT_EQ(test::allocations_of_this_thread(), before);
  deallocate_block(second, 128);
}

TEST_F(BlockCache, GivesWhatWasAskedForAlignedToACacheLine) {
  for (std::size_t bytes = 0; bytes <= 2 * block_bytes_max; ++bytes) {
    const std::vector<void*> two = take(2, bytes);
    for (void* block : two) {
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % block_alignment, 0U) << bytes;
      std::memset(block, 1, bytes);
    }
    ASSERT_NE(two[0], two[1]);
    give(two, bytes);
  }
}

TEST_F(BlockCache, TakesWhatIsTooLargeForABlockFromOperatorNewAndBack) {
  const auto before = test::live_allocations();
  void* const large = allocate_block(block_bytes_max + 1);
  EXPECT_EQ(test::live_allocations() - before, 1);
  deallocate_block(large, block_bytes_max + 1);
  EXPECT_EQ(test::live_allocations(), before);
}

TEST_F(BlockCache, ReturnsTheMemoryOfABurst) {
  const auto before = test::live_allocations();
  give(take(100'000));
  const auto kept = test::live_allocations() - before;
  EXPECT_LE(kept, static_cast<std::int64_t>(shared_blocks_max + thread_blocks_max));
  trim_blocks();
  EXPECT_EQ(test::live_allocations(), before);
}

TEST_F(KeptBlocks, OfABurstServeTheNextOne) {
  give(take(shared_blocks_max));
  EXPECT_EQ(allocations_for(shared_blocks_max), 0U);
}

TEST_F(KeptBlocks, OfAThreadThatEndsGoToTheOthers) {
  std::jthread{[] { give(take(thread_blocks_max)); }}.join();
  EXPECT_EQ(allocations_for(thread_blocks_max), 0U);
}

// A producer and a worker: one takes, the other gives back. What is allocated in all is what was
// under way at once, and what each keeps.
TEST_F(KeptBlocks, ComeBackFromTheThreadThatFreesThem) {
  constexpr std::size_t places = 16;
  const int rounds = test::scaled(100'000);
  std::atomic<void*> ring[places] = {};
  std::atomic<std::size_t> allocated{0};
  test::run_together(2, [&](int worker) {
    const auto before = test::allocations_of_this_thread();
    for (int i = 0; i < rounds; ++i) {
      std::atomic<void*>& place = ring[static_cast<std::size_t>(i) % places];
      if (worker == 1) {
        void* block = nullptr;
        while ((block = place.exchange(nullptr)) == nullptr) std::this_thread::yield();
        deallocate_block(block, some);
      } else {
        void* const block = allocate_block(some);
        while (place.load() != nullptr) std::this_thread::yield();
        place.store(block);
      }
    }
    allocated += test::allocations_of_this_thread() - before;
  });
  EXPECT_LE(allocated, places + 1 + 2 * thread_blocks_max + 4);  // 4: what a thread needs once
}

TEST_F(BlockCache, NeverGivesOneBlockToTwoThreads) {
  const int rounds = test::scaled(20'000);
  test::run_together(4, [&](int thread) {
    std::vector<int*> mine;
    for (int i = 0; i < rounds; ++i) {
      mine.push_back(std::construct_at(static_cast<int*>(allocate_block(sizeof(int))), thread));
      if (mine.size() < 2 * thread_blocks_max) continue;
      for (int* each : mine) {
        ASSERT_EQ(std::exchange(*each, -1), thread);
        deallocate_block(each, sizeof(int));
      }
      mine.clear();
    }
    for (int* each : mine) deallocate_block(each, sizeof(int));
  });
}

// ---- when a thread, or the process, is at its end

struct late_user {
  void* block = nullptr;
  ~late_user() {
    if (block == nullptr) return;
    deallocate_block(block, some);
    deallocate_block(allocate_block(some), some);
    trim_blocks();
  }
};

TEST_F(BlockCache, ServesAThreadUntilItsLastDestructor) {
  const auto before = test::live_allocations();
  std::jthread{[] {
    // Is constructed before the thread's first block, so its destructor comes after the cache's.
    thread_local late_user last;
    last.block = nullptr;
    last.block = allocate_block(some);
    deallocate_block(allocate_block(some), some);
  }}.join();
  trim_blocks();
  EXPECT_EQ(test::live_allocations(), before);
}

late_user static_user;

TEST_F(BlockCache, ServesTheDestructorsOfStaticObjects) {
  static_user.block = allocate_block(some);
}

// ---- in a forked child

// A lock that another thread holds at the moment of the fork would be held for ever in the child.
TEST_F(BlockCache, ServesAForkedChildWhateverTheOtherThreadsWereAt) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's allocator, unlike the real one, keeps its locks in a child";
#endif
  std::atomic<bool> over{false};
  std::vector<std::jthread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      while (!over) give(take(4 * thread_blocks_max));
    });
  }
  for (int i = 0; i < 50; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);  // a child that hangs is a failure, and no orphan
      give(take(4 * thread_blocks_max));
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0) << "child " << i;
  }
  over = true;
}

}  // namespace
}  // namespace millpool
