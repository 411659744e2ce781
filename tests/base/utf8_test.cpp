// Where a character of UTF-8 ends, and what is none: the bounds of each length.
#include "millpool/base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millpool {
namespace {

TEST(Utf8, KnowsTheFirstAndLastCharacterOfEachLength) {
  using namespace std::string_view_literals;
  for (const auto one : {"\0"sv, "\x7F"sv}) EXPECT_EQ(utf8_character(one), 1U);
  for (const auto two : {"\xC2\x80"sv, "\xDF\xBF"sv}) EXPECT_EQ(utf8_character(two), 2U);
  for (const auto three :
       {"\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv}) {
    EXPECT_EQ(utf8_character(three), 3U);
  }
  for (const auto four : {"\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    EXPECT_EQ(utf8_character(four), 4U);
  }
  EXPECT_EQ(utf8_character("\xC3\xA9t\xC3\xA9"), 2U) << "what follows does not matter";
}

TEST(Utf8, KnowsWhatIsNoCharacter) {
  for (const char* const none :
       {"\x80", "\xBF", "\xC0\xAF", "\xC1\xBF", "\xC2", "\xC2 ", "\xE0\x9F\xBF", "\xE1\x80",
        "\xE1\x80 ", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF1\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(utf8_character(none), 0U) << none;
  }
}

}  // namespace
}  // namespace millpool
