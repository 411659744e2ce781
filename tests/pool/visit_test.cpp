// A pool may be destroyed while a submission to it is still on its way out (promise P11).
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace millpool {
namespace {

using P11_Visit = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P11_Visit);

// The task tells the main thread, which destroys the pool: its submitter may still be in post().
TEST_P(P11_Visit, OfASubmitterOutlastsThePoolThatItsTaskLetGo) {
  std::atomic<worker_pool*> shared{nullptr};
  std::atomic<int> told{0};
  const int rounds = test::scaled(200);
  std::jthread submitter{[&] {
    for (int i = 0; i < rounds; ++i) {
      shared.wait(nullptr);
      shared.exchange(nullptr)->post([&told] {
        ++told;
        told.notify_one();
      });
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    auto pool = std::make_unique<worker_pool>(options());
    shared = pool.get();
    shared.notify_one();
    for (int seen = told; seen == i; seen = told) told.wait(seen);
    pool.reset();
  }
}

// The same with several submitters: the pool goes when the last of their tasks has run.
TEST_P(P11_Visit, OfManySubmittersOutlastsThePool) {
  constexpr int threads = 3;
  std::atomic<int> round{0};
  std::atomic<int> told{0};
  std::optional<worker_pool> pool;
  const int rounds = test::scaled(150);
  std::vector<std::jthread> submitters;
  for (int i = 0; i < threads; ++i) {
    submitters.emplace_back([&] {
      for (int each = 0; each < rounds; ++each) {
        round.wait(each);
        pool->post([&told] {
          ++told;
          told.notify_one();
        });
      }
    });
  }
  for (int each = 0; each < rounds; ++each) {
    pool.emplace(options());
    ++round;
    round.notify_all();
    const int all = threads * (each + 1);
    for (int seen = told; seen != all; seen = told) told.wait(seen);
    pool.reset();
  }
}

// A task of another pool submits: that pool's worker is the visitor.
TEST_P(P11_Visit, OfAnotherPoolsTaskOutlastsThePool) {
  worker_pool other{test::sized(1)};
  for (int i = 0; i < test::scaled(100); ++i) {
    auto pool = std::make_unique<worker_pool>(options());
    test::gate ran;
    auto submitting = other.submit([&, pool = pool.get()] { pool->post([&ran] { ran.open(); }); });
    ran.pass();
    pool.reset();
    submitting.get();
  }
}

// The submitter's task is refused by the close(), and the pool goes at once.
TEST_P(P11_Visit, OfARefusedSubmissionIsOverBeforeThePoolIs) {
  for (int i = 0; i < test::scaled(100); ++i) {
    auto pool = std::make_unique<worker_pool>(options());
    test::gate begun;
    std::atomic<int> accepted{0};
    std::atomic<int> ran{0};
    std::jthread submitter{[&, pool = pool.get()] {
      while (pool->post([&ran] { ++ran; })) {
        ++accepted;
        begun.open();
      }
    }};
    begun.pass();
    pool->close();
    submitter.join();
    pool.reset();
    EXPECT_EQ(ran, accepted);
  }
}

// Each submitter is a new thread, so that slots are handed on from thread to thread.
TEST_P(P11_Visit, OfAThreadThatEndsLeavesNothingBehind) {
  for (int i = 0; i < test::scaled(100); ++i) {
    auto pool = std::make_unique<worker_pool>(options());
    test::gate ran;
    std::jthread submitter{[&, pool = pool.get()] { pool->post([&ran] { ran.open(); }); }};
    ran.pass();
    pool.reset();
  }
}

}  // namespace
}  // namespace millpool
