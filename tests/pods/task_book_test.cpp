#include "tests/pods/task_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace millpool::pods {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

task_book book_of(int tasks) {
  task_book book;
  for (int i = 0; i < tasks; ++i) book.add({});
  return book;
}

std::uint64_t sum(std::uint64_t number) { return checksum_of({.number = number}); }

TEST(TaskBook, GivesTheOldestFirst) {
  task_book book = book_of(2);
  EXPECT_EQ(book.give(1)->number, 0U);
  EXPECT_EQ(book.give(2)->number, 1U);
  EXPECT_FALSE(book.give(1));
  EXPECT_EQ(book.with(1), 1U);
  EXPECT_EQ(book.with(3), 0U);
}

TEST(TaskBook, ATaskIsDoneOnce) {
  task_book book = book_of(1);
  ASSERT_TRUE(book.give(1));
  EXPECT_EQ(book.finish(1, 0, sum(0)), std::nullopt);
  EXPECT_THAT(book.finish(1, 0, sum(0)), Optional(HasSubstr("done already")));
  EXPECT_THAT(book.take_back(1, 0), Optional(HasSubstr("done already")));
  EXPECT_EQ(book.done(), 1U);
  EXPECT_EQ(book.waiting(), 0U);
}

TEST(TaskBook, OnlyWhoHasItMayFinishIt) {
  task_book book = book_of(2);
  ASSERT_TRUE(book.give(1));
  EXPECT_THAT(book.finish(2, 0, sum(0)), Optional(HasSubstr("with pod 1")));
  EXPECT_THAT(book.finish(1, 1, sum(1)), Optional(HasSubstr("with nobody")));
  EXPECT_THAT(book.finish(1, 2, sum(2)), Optional(HasSubstr("no such task")));
  EXPECT_EQ(book.done(), 0U);
}

TEST(TaskBook, AWrongChecksumIsAFault) {
  task_book book = book_of(1);
  ASSERT_TRUE(book.give(1));
  EXPECT_THAT(book.finish(1, 0, sum(0) + 1), Optional(HasSubstr("checksum")));
  EXPECT_EQ(book.done(), 0U);
}

TEST(TaskBook, WhatIsGivenBackIsTheNext) {
  task_book book = book_of(3);
  ASSERT_TRUE(book.give(1));
  EXPECT_EQ(book.take_back(1, 0), std::nullopt);
  const auto again = book.give(2);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->number, 0U);
  EXPECT_EQ(again->attempt, 2U);
  EXPECT_THAT(book.finish(1, 0, sum(0)), Optional(HasSubstr("with pod 2")));
  EXPECT_EQ(book.deliveries(), 2U);
}

TEST(TaskBook, WhatADeadPodHeldComesBackInItsOrder) {
  task_book book = book_of(5);
  for (const unsigned pod : {1U, 2U, 1U, 1U}) ASSERT_TRUE(book.give(pod));
  ASSERT_EQ(book.finish(1, 2, sum(2)), std::nullopt);
  EXPECT_EQ(book.take_back_all(1), 2U);
  EXPECT_EQ(book.with(1), 0U);
  EXPECT_EQ(book.with(2), 1U);
  for (const std::uint64_t number : {0U, 3U, 4U}) EXPECT_EQ(book.give(3)->number, number);
  EXPECT_EQ(book.take_back_all(1), 0U);
}

}  // namespace
}  // namespace millpool::pods
