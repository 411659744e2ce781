// unique_closure: held once, moved without a throw, small ones without an allocation.
#include "millpool/base/unique_closure.hpp"

#include "tests/support/allocations.hpp"
#include "tests/support/counted.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

namespace millpool {
namespace {

using closure = unique_closure<int()>;

TEST(UniqueClosure, IsEmptyUntilItIsGivenACallable) {
  closure f;
  EXPECT_FALSE(f);
  f = closure{[] { return 1; }};
  EXPECT_TRUE(f);
  EXPECT_EQ(f(), 1);
  f.reset();
  EXPECT_FALSE(f);
}

TEST(UniqueClosure, HoldsWhatCannotBeCopied) {
  closure f{[value = std::make_unique<int>(7)] { return *value; }};
  closure g{std::move(f)};
  EXPECT_FALSE(f);  // NOLINT(bugprone-use-after-move): stated
  EXPECT_EQ(g(), 7);
}

TEST(UniqueClosure, PassesArgumentsOnWithoutACopy) {
  unique_closure<int(std::unique_ptr<int>, int&)> f{[](std::unique_ptr<int> a, int& b) {
    b = *a;
    return *a + 1;
  }};
  int seen = 0;
  EXPECT_EQ(f(std::make_unique<int>(4), seen), 5);
  EXPECT_EQ(seen, 4);
}

TEST(UniqueClosure, DropsTheResultWhereTheSignatureSaysVoid) {
  int calls = 0;
  unique_closure<void()> f{[&calls] { return ++calls; }};
  f();
  EXPECT_EQ(calls, 1);
}

TEST(UniqueClosure, KeepsWhatAMutableCallableChanges) {
  closure f{[n = 0]() mutable { return ++n; }};
  EXPECT_EQ(f(), 1);
  closure g{std::move(f)};
  EXPECT_EQ(g(), 2);
}

TEST(UniqueClosure, LetsTheCallablesExceptionThroughAndStaysCallable) {
  closure f{[n = 0]() mutable -> int {
    if (n++ == 0) throw std::runtime_error{"first"};
    return n;
  }};
  EXPECT_THROW(f(), std::runtime_error);
  EXPECT_EQ(f(), 2);
}

TEST(UniqueClosure, DestroysItsCallableOnceHoweverOftenItIsMoved) {
  test::census people;
  {
    closure f{[one = test::counted{people, 1}] { return one.number(); }};
    closure g{std::move(f)};
    closure h;
    h = std::move(g);
    EXPECT_EQ(h(), 1);
    EXPECT_EQ(people.alive(), 1);
    h = closure{[] { return 2; }};
    EXPECT_EQ(people.alive(), 0);
  }
  EXPECT_EQ(people.alive(), 0);
}

TEST(UniqueClosure, SurvivesAMoveToItself) {
  closure f{[value = std::make_unique<int>(3)] { return *value; }};
  closure& same = f;
  f = std::move(same);
  EXPECT_EQ(f(), 3);
}

TEST(UniqueClosure, HoldsUpToItsInlineBytesWithoutAnAllocation) {
  const auto before = test::allocations_of_this_thread();
  {
    std::array<char, 40> small{};
    closure f{[small] { return static_cast<int>(small.size()); }};
    closure g{std::move(f)};
    EXPECT_EQ(g(), 40);
  }
  EXPECT_EQ(test::allocations_of_this_thread() - before, 0u);
}

TEST(UniqueClosure, HoldsALargerOneInOneBlockThatMovesDoNotTouch) {
  const auto before = test::allocations_of_this_thread();
  {
    std::array<char, 100> large{};
    closure f{[large] { return static_cast<int>(large.size()); }};
    closure g{std::move(f)};
    closure h{std::move(g)};
    EXPECT_EQ(h(), 100);
  }
  EXPECT_EQ(test::allocations_of_this_thread() - before, 1u);
}

TEST(UniqueClosure, NeverMovesACallableWhoseMoveMayThrow) {
  test::census people;
  closure f{[one = test::counted{people, 5}] { return one.number(); }};
  people.moves_until_throw = 0;
  closure g{std::move(f)};
  static_assert(std::is_nothrow_move_constructible_v<closure>);
  EXPECT_EQ(g(), 5);
  EXPECT_EQ(people.moves_until_throw, 0);
}

TEST(UniqueClosure, LeavesNothingBehindWhenTheCallablesMoveThrowsOnItsWayIn) {
  test::census people;
  {
    auto lambda = [one = test::counted{people, 5}] { return one.number(); };
    people.moves_until_throw = 0;
    EXPECT_THROW(closure{std::move(lambda)}, test::move_failed);
  }
  EXPECT_EQ(people.alive(), 0);
}

struct alignas(64) wide {
  int operator()() const { return static_cast<int>(reinterpret_cast<std::uintptr_t>(this) % 64); }
};

TEST(UniqueClosure, KeepsTheAlignmentOfItsCallable) {
  closure f{wide{}};
  closure g{std::move(f)};
  EXPECT_EQ(g(), 0);
}

TEST(UniqueClosureDeathTest, SaysSoWhenAnEmptyOneIsCalled) {
  closure f;
  EXPECT_DEATH(f(), "an empty closure was called");
}

}  // namespace
}  // namespace millpool
