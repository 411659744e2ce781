// Support for models: walks the schedules of a small program. See README.md beside this file.
#pragma once

#include "tests/support/explore/scheduler.hpp"
#include "tests/support/scaled.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millpool::explore {

struct settings {
  std::size_t schedules = 1'000'000;
  fault planted = fault::none;
  unsigned early_wakes = 2;
  bool store_buffers = false;  ///< see README.md, "Store buffers"
  bool fences = false;         ///< the barriers are those of a kernel without membarrier(2)
  std::uint64_t seed = 1;
};

/// The same on memory whose stores are late, with either pair of barriers.
inline const settings late_stores{.store_buffers = true};
inline const settings late_stores_and_fences{.store_buffers = true, .fences = true};

struct outcome {
  std::size_t schedules = 0;         ///< how many were run
  std::size_t bound = 0;             ///< every schedule with fewer pre-emptions than this was run
  bool exhausted = false;            ///< every schedule there is was run
  std::string failure{};             ///< empty: none
  std::string trace{};               ///< the decisions that lead to the failure
  std::vector<std::string> story{};  ///< and what happened
};

/// Runs the program once, as the decider says. \return what went wrong.
using run_once = std::function<std::optional<std::string>(decider&, const run_settings&)>;

[[nodiscard]] outcome walk(const run_once& program, const settings& how);
[[nodiscard]] outcome replay(const run_once& program, const settings& how,
                             const std::string& trace);

/// A program for the explorer: default constructible, one fresh for each schedule.
///   static constexpr unsigned threads   how many it starts with
///   void thread(unsigned which)         what each does
///   void end()                          after all have ended: what must hold
template <class M>
concept model = requires(M program) {
  M::threads + 0u;
  program.thread(0u);
  program.end();
};

template <model M>
run_once once() {
  return [](decider& decide, const run_settings& how) -> std::optional<std::string> {
    auto program = std::make_unique<M>();
    std::vector<std::function<void()>> threads;
    for (unsigned i = 0; i < M::threads; ++i) {
      threads.emplace_back([program = program.get(), i] { program->thread(i); });
    }
    auto failure = run(std::move(threads), decide, how);
    if (failure) {
      (void)program.release();  // threads that stand still for ever use it
      return failure;
    }
    try {
      program->end();
    } catch (const std::exception& broken) {
      return broken.what();
    }
    return std::nullopt;
  };
}

inline std::string to_string(const outcome& found) {
  std::string text = std::to_string(found.schedules) + " schedules";
  text += found.exhausted ? ": all there are"
                          : ": all with fewer than " + std::to_string(found.bound) +
                                " pre-emptions, more of them at random";
  if (found.failure.empty()) return text;
  for (const std::string& line : found.story) text += '\n' + line;
  return text + "\n" + found.failure + "\nreplay with MILLPOOL_EXPLORE_REPLAY=\"" + found.trace +
         "\" and --gtest_filter";
}

/// The model's claims hold under every schedule that is walked: as many as `how` says, times
/// MILLPOOL_MODEL_SCALE. Under a sanitizer, where a change of threads is one of the kernel's, a
/// hundredth of them: that walk is after what a schedule touches, not after all schedules.
template <model M>
void expect_holds(settings how = {}) {
  const double many = static_cast<double>(how.schedules) * (test::sanitized ? 0.01 : 1.0);
  how.schedules = static_cast<std::size_t>(test::scaled_by("MILLPOOL_MODEL_SCALE", many));
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no test changes the environment
  const char* trace = std::getenv("MILLPOOL_EXPLORE_REPLAY");
  const outcome found = trace != nullptr ? replay(once<M>(), how, trace) : walk(once<M>(), how);
  std::cout << to_string(found) << '\n';
  EXPECT_EQ(found.failure, "") << "under at least one schedule";
}

/// The model notices `planted`, within all of the schedules: else it proves nothing. The failing
/// schedule fails again when replayed.
template <model M>
void expect_caught(fault planted = fault::none, settings how = {}) {
  how.planted = planted;
  const outcome found = walk(once<M>(), how);
  std::cout << "caught by schedule " << found.schedules << ": " << found.failure << '\n';
  ASSERT_NE(found.failure, "") << to_string(found);
  EXPECT_EQ(replay(once<M>(), how, found.trace).failure, found.failure);
}

}  // namespace millpool::explore
