#include "apps/millpool/logs/filter.hpp"

#include "apps/millpool/logs/line_format.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

namespace millpool::logs {
namespace {

using ::testing::ElementsAre;

const std::map<std::string, std::string> line{
    {"status", "404"}, {"path", "/api/users"}, {"method", "GET"},
    {"bytes", "-"},    {"empty", ""},          {"time", "17/May/2015:12:05:03 +0000"},
    {"and", "1"},      {"Response Time", "7"}, {"a\"b", "x"}};

bool matches(const std::string& text) {
  const auto made = filter::parse(text, "time", 2015);
  if (!made) {
    ADD_FAILURE() << text << ": " << made.error();
    return false;
  }
  std::vector<std::string> readable;
  for (const std::string& field : made->fields()) {
    const auto found = line.find(field);
    readable.push_back(found == line.end() ? std::string{} : padded(found->second));
  }
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < readable.size(); ++i) {
    const auto found = line.find(made->fields()[i]);
    if (found == line.end()) {
      values.emplace_back();
    } else {
      values.push_back(std::string_view{readable[i]}.substr(0, found->second.size()));
    }
  }
  time_reader times{2015};
  return made->matches(values, times);
}

std::string error_of(const std::string& text) {
  const auto made = filter::parse(text, "time", 2015);
  return made ? "no error" : made.error();
}

TEST(Filter, ComparesNumbersAsNumbersAndTextsAsTexts) {
  for (const char* text : {"status = 404", "status == 404.0", "status >= 400", "status<1000",
                           "status != 40", "path = /api/users", "path > /api", "method != get",
                           "status = \"404\"", "method = 'GET'", "status < \"5\""}) {
    EXPECT_TRUE(matches(text)) << text;
  }
  for (const char* text : {"status = 40", "status > 404", "status = \"404.0\"", "path < /api",
                           "method = get", "status <= 403.5"}) {
    EXPECT_FALSE(matches(text)) << text;
  }
}

TEST(Filter, WhatIsNoNumberIsUnequalToAll) {
  EXPECT_FALSE(matches("bytes < 5"));
  EXPECT_FALSE(matches("bytes >= 5"));
  EXPECT_TRUE(matches("bytes != 5"));
  EXPECT_FALSE(matches("missing = x"));
  EXPECT_FALSE(matches("missing < x"));
  EXPECT_TRUE(matches("missing != x"));
  EXPECT_FALSE(matches("missing =~ \"\""));
  EXPECT_TRUE(matches("missing !~ x"));
}

TEST(Filter, AFieldAloneAsksWhetherItIsThere) {
  EXPECT_TRUE(matches("method"));
  EXPECT_FALSE(matches("missing"));
  EXPECT_FALSE(matches("empty"));
  EXPECT_TRUE(matches("not missing and method"));
}

TEST(Filter, AndBindsStrongerThanOr) {
  EXPECT_TRUE(matches("status = 404 or status = 1 and status = 2"));
  EXPECT_FALSE(matches("(status = 404 or status = 1) and status = 2"));
  EXPECT_TRUE(matches("status = 1 && status = 2 || method = GET"));
  EXPECT_FALSE(matches("not status = 404 or status = 1"));
  EXPECT_TRUE(matches("!(status = 1) && !(status = 2)"));
  EXPECT_TRUE(matches("not not status = 404"));
}

TEST(Filter, MatchesRegularExpressionsAndLists) {
  EXPECT_TRUE(matches(R"(path =~ "^/api/\w+$")"));
  EXPECT_FALSE(matches("path !~ users"));
  EXPECT_TRUE(matches("status in (200, 404)"));
  EXPECT_FALSE(matches("method in (POST, 'PUT')"));
  EXPECT_TRUE(matches(R"(path =~ 'a\wpi|"' or path =~ "u\"?s")"));
}

TEST(Filter, ComparesTimesInAnyForm) {
  EXPECT_TRUE(matches("time >= 2015-05-17"));
  EXPECT_TRUE(matches("time = 2015-05-17T14:05:03+02:00"));
  EXPECT_TRUE(matches("time < \"17/May/2015:12:05:04 +0000\" and time > \"May 17 12:05:02\""));
  EXPECT_FALSE(matches("time < 1431864303"));
}

TEST(Filter, NamesItsFieldsOnce) {
  const auto made = filter::parse("b = 1 and a = 2 or b =~ x", "time", 1970);
  ASSERT_TRUE(made);
  EXPECT_THAT(made->fields(), ElementsAre("b", "a"));
}

TEST(Filter, AQuotedFieldMayHaveAnyName) {
  EXPECT_TRUE(matches("\"Response Time\" > 3 and 'Response Time' in (6, 7)"));
  EXPECT_TRUE(matches("not (\"Response Time\" =~ 8)"));
  EXPECT_TRUE(matches("'and' = 1 and \"a\\\"b\""));
  EXPECT_TRUE(matches("\"time\" >= 2015-05-17"));
  EXPECT_FALSE(matches("\"missing field\""));
}

TEST(Filter, SaysWhereItIsWrong) {
  EXPECT_EQ(error_of(""), "column 1: a field was expected, and here it ends");
  EXPECT_EQ(error_of("status >= "), "column 11: a value was expected");
  EXPECT_EQ(error_of("status = 1 status = 2"), "column 12: and, or or the end was expected");
  EXPECT_EQ(error_of("(status = 1"), "column 12: a ) is missing");
  EXPECT_EQ(error_of("status = 1 and"), "column 15: a field was expected, and here it ends");
  EXPECT_EQ(error_of("and = 1"), "column 1: a field was expected, not 'and'");
  EXPECT_EQ(error_of("path =~ \"(\""), "column 9: '(' is no regular expression: missing ): (");
  EXPECT_EQ(error_of("path = \"open"), "column 8: the quote is left open");
  EXPECT_EQ(error_of("time > noon"), "column 8: 'noon' is no time");
  EXPECT_EQ(error_of("status in 5"), "column 11: a ( was expected after in");
  EXPECT_EQ(error_of("status in (5"), "column 13: a , or a ) was expected");
  EXPECT_EQ(error_of("\"open = 5"), "column 1: the quote is left open");
  EXPECT_EQ(error_of("\"\" = 5"), "column 1: a field was expected");
  EXPECT_EQ(error_of("= 5"), "column 1: a field was expected");
}

TEST(Filter, RefusesWhatIsNestedTooDeeply) {
  EXPECT_EQ(error_of(std::string(1000, '(') + "a" + std::string(1000, ')')),
            "column 201: nested too deeply");
  EXPECT_EQ(error_of(std::string(1000, '!') + "a"), "column 201: nested too deeply");
}

}  // namespace
}  // namespace millpool::logs
