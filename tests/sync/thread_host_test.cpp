// thread_host: each thread has its own, and is asked in pairs.
#include "millpool/sync/thread_host.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace millpool {
namespace {

struct counting_host final : thread_host {
  bool run_waiting(const void*) noexcept override { return false; }
  void block() noexcept override { ++blocks; }
  void unblock() noexcept override { ++unblocks; }
  int blocks = 0;
  int unblocks = 0;
};

struct installed {
  explicit installed(thread_host* host) : before{install_thread_host(host)} {}
  ~installed() { install_thread_host(before); }
  installed(const installed&) = delete;
  installed& operator=(const installed&) = delete;
  thread_host* before;
};

TEST(ThreadHost, IsNobodyUntilOneIsInstalled) { EXPECT_EQ(this_thread_host(), nullptr); }

TEST(ThreadHost, BelongsToItsThreadAlone) {
  counting_host host;
  const installed here{&host};
  EXPECT_EQ(this_thread_host(), &host);
  std::jthread{[] { EXPECT_EQ(this_thread_host(), nullptr); }};
}

TEST(ThreadHost, GivesBackTheOneBefore) {
  counting_host outer;
  counting_host inner;
  const installed first{&outer};
  {
    const installed second{&inner};
    EXPECT_EQ(second.before, &outer);
  }
  EXPECT_EQ(this_thread_host(), &outer);
}

TEST(BlockingRegion, TellsTheHostWhenItBeginsAndWhenItEnds) {
  counting_host host;
  const installed here{&host};
  {
    const blocking_region outer;
    const blocking_region inner;
    EXPECT_EQ(host.blocks, 2);
    EXPECT_EQ(host.unblocks, 0);
  }
  EXPECT_EQ(host.unblocks, 2);
}

TEST(BlockingRegion, EndsWithAnException) {
  counting_host host;
  const installed here{&host};
  EXPECT_THROW(
      {
        const blocking_region blocked;
        throw std::runtime_error{"out"};
      },
      std::runtime_error);
  EXPECT_EQ(host.unblocks, 1);
}

TEST(BlockingRegion, TellsTheOneThatItBeganWith) {
  counting_host first;
  counting_host second;
  const installed here{&first};
  {
    const blocking_region blocked;
    install_thread_host(&second);
  }
  EXPECT_EQ(first.unblocks, 1);
  EXPECT_EQ(second.unblocks, 0);
}

TEST(BlockingRegion, IsNothingOnAThreadWithoutAPool) { const blocking_region blocked; }

struct counted_wait final : task_wait {
  counted_wait() noexcept : task_wait{nullptr, yields::gladly} {}
  void give_up() noexcept override { ++given_up; }
  int given_up = 0;
};

TEST(AwaitingRegion, IsABlockingRegionForAHostThatKnowsNoMore) {
  counting_host host;
  const installed here{&host};
  counted_wait wait;
  {
    const awaiting_region blocked{wait};
    EXPECT_EQ(host.blocks, 1);
  }
  EXPECT_EQ(host.unblocks, 1);
  EXPECT_EQ(wait.given_up, 0);
}

TEST(AwaitingRegion, EndsAtOnceWhereTheWaitIsGivenUp) {
  struct host_that_gives_up final : thread_host {
    bool run_waiting(const void*) noexcept override { return false; }
    void block() noexcept override {}
    void unblock() noexcept override { ++unblocks; }
    bool block_for(task_wait& wait) noexcept override {
      wait.give_up();
      return false;
    }
    int unblocks = 0;
  } host;
  const installed here{&host};
  counted_wait wait;
  { const awaiting_region blocked{wait}; }
  EXPECT_EQ(wait.given_up, 1);
  EXPECT_EQ(host.unblocks, 0);
}

}  // namespace
}  // namespace millpool
