// Promise P11: after the end no thread, descriptor or byte is left; and the end may come at any
// moment.
#include "millpool/base/block_cache.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/scaled.hpp"
#include "tests/support/watched_clock.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using P11_Lifetime = test::ShapedPoolTest;
MILLPOOL_IN_ALL_SHAPES(P11_Lifetime);

TEST_P(P11_Lifetime, LeavesNoThreadDescriptorOrByte) {
  const auto use = [&] {
    worker_pool pool{options()};
    for (int i = 0; i < 2000; ++i) pool.post([cargo = new_payload()] {});
    auto answer = pool.submit([] { return 1; });
    pool.resize(1, 3);
    pool.resize(0, 1);
    (void)answer.get();
  };
  use();  // what the process allocates once
  const std::size_t threads = test::thread_count();
  const std::size_t descriptors = test::descriptor_count();
  trim_blocks();  // free ones, kept for the next pool
  const auto memory = test::live_allocations();
  for (int i = 0; i < 5; ++i) use();
  trim_blocks();
  EXPECT_EQ(test::descriptor_count(), descriptors);
  EXPECT_EQ(test::live_allocations(), memory);
  test::await([&] { return test::thread_count() <= threads; });
}

TEST_P(P11_Lifetime, EndsAtOnceOrAfterATaskOrAfterMany) {
  for (int i = 0; i < test::scaled(100); ++i) {
    worker_pool pool{options()};
    for (int j = 0; j < i % 7; ++j) pool.post([cargo = new_payload()] {});
  }
}

TEST_P(P11_Lifetime, RunsByDefaultWhatWasAccepted) {
  std::atomic<int> ran{0};
  {
    worker_pool pool{options()};
    for (int i = 0; i < 100; ++i) pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
}

TEST_P(P11_Lifetime, EndsFromItsOwnWorker) {
  for (int i = 0; i < test::scaled(50); ++i) {
    auto owner = std::make_shared<std::optional<worker_pool>>(std::in_place, options());
    worker_pool& pool = **owner;
    test::gate gone;
    std::atomic<int> ran{0};
    for (int j = 0; j < capacity() % 10; ++j) pool.post([&] { ++ran; });
    pool.post([owner = std::move(owner), &gone, cargo = new_payload()] {
      owner->reset();
      gone.open();
    });
    gone.pass();
    test::await([&] { return payloads_alive == 0; });
    EXPECT_EQ(ran, capacity() % 10) << "what was accepted has run";
  }
  test::await([&] { return test::threads_named("test/").empty(); });
}

TEST_P(P11_Lifetime, EndsFromAContinuation) {
  for (int i = 0; i < test::scaled(50); ++i) {
    auto pool = std::make_unique<worker_pool>(options());
    test::gate attached;
    auto done = pool->submit([&] { attached.pass(); }).then([&] {
      pool.reset();
      return 7;
    });
    attached.open();
    EXPECT_EQ(done.get(), 7);
  }
  test::await([&] { return test::threads_named("test/").empty(); });
}

TEST_P(P11_Lifetime, EndsWithSubmittersBlocked) {
  const test::watched_clock time;
  pool_options chosen = options();
  chosen.time = &time;
  std::optional<worker_pool> pool{std::in_place, chosen};
  test::gate door;
  std::atomic<int> started{0};
  for (int i = 0; i < workers(); ++i) {
    (void)pool->submit([&] {
      ++started;
      door.pass();
    });
    test::await([&] { return started > i; });
  }
  while (pool->try_post([cargo = new_payload()] {})) {
  }
  constexpr int many = 4;
  std::atomic<int> refused{0};
  std::vector<std::jthread> submitters;
  for (int i = 0; i < many; ++i) {
    submitters.emplace_back([&, &p = *pool] {
      auto accepted = p.submit_until(test::watched_clock::never(), [cargo = new_payload()] {});
      EXPECT_EQ(accepted.error(), submit_errc::closed);
      if (++refused == many) door.open();  // only now can the pool come to its end
    });
  }
  time.await_waits(many);
  pool.reset();
  EXPECT_EQ(refused, many);
}

// A bulk submission goes in blocks of 1024: it must not come back for the next one to a pool that
// is gone.
TEST_P(P11_Lifetime, EndsWithABulkSubmitterBlocked) {
  for (const bool with_results : {false, true}) {
    std::optional<worker_pool> pool{std::in_place, options()};
    pool->pause();
    while (pool->try_post([] {})) {
    }
    std::atomic<pid_t> id{0};
    std::jthread submitter{[&, &p = *pool] {
      id = ::gettid();
      const std::vector<void (*)()> tasks(4 * 1024, [] {});
      if (with_results) {
        (void)p.submit_bulk(tasks);
      } else {
        (void)p.post_bulk(tasks);
      }
    }};
    test::await([&] { return id != 0 && test::all_asleep({std::to_string(id)}); });
    pool.reset();
  }
}

TEST_P(P11_Lifetime, EndsWhileItsTasksSubmitMore) {
  for (int i = 0; i < test::scaled(50); ++i) {
    worker_pool pool{options()};
    struct {
      worker_pool& pool;
      void next() {
        pool.post([this] { next(); });
      }
    } endless{pool};
    for (int j = 0; j <= i % 4; ++j) pool.post([&] { endless.next(); });
    pool.close();  // the only end that such a pool has
  }
}

TEST_P(P11_Lifetime, EndsWhileWorkersComeAndGo) {
  for (int i = 0; i < test::scaled(100); ++i) {
    pool_options elastic = options();
    elastic.min_workers = 0;
    elastic.keep_alive = duration::zero();
    worker_pool pool{elastic};
    for (int j = 0; j < 5; ++j) pool.post([cargo = new_payload()] {});
    if (i % 2 == 0) pool.resize(2, 4);
  }
}

TEST_P(P11_Lifetime, AFutureOutlivesItsPool) {
  future<int> answer;
  {
    worker_pool pool{options()};
    answer = pool.submit([cargo = new_payload()] { return 42; });
  }
  EXPECT_EQ(payloads_alive, 0);
  EXPECT_EQ(answer.get(), 42);
}

TEST_P(P11_Lifetime, ATaskMayEndThePoolThatSubmittedItBeforeTheSubmissionReturns) {
  for (int i = 0; i < test::scaled(200); ++i) {
    auto* pool = new worker_pool{options()};
    std::atomic<bool> gone{false};
    pool->post([&, pool] {
      delete pool;
      gone = true;
      gone.notify_all();
    });
    gone.wait(false);
  }
  test::await([&] { return test::threads_named("test/").empty(); });
}

}  // namespace
}  // namespace millpool
