#include "apps/millpool/logs/text_scan.hpp"

#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/line_matcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace millpool::logs {
namespace {

// Few different bytes, so that much matches almost.
std::string random_text(std::mt19937& random, std::size_t size, std::string_view alphabet) {
  std::string text(size, '\0');
  for (char& c : text) c = alphabet[random() % alphabet.size()];
  return text;
}

TEST(TextScan, FindsAByteWhereStdFindDoes) {
  std::mt19937 random{1};
  for (int round = 0; round < 2000; ++round) {
    const std::size_t size = random() % 100;
    // The byte that is looked for also lies behind the end.
    const std::string text = random_text(random, size, "aaaaaaab") + std::string(scan_padding, 'b');
    const char* const end = text.data() + size;
    for (std::size_t from = 0; from <= size; ++from) {
      ASSERT_EQ(find_byte(text.data() + from, end, 'b'), std::find(text.data() + from, end, 'b'));
    }
  }
}

TEST(TextScan, FindsALiteralWhereStringFindDoes) {
  std::mt19937 random{2};
  for (int round = 0; round < 5000; ++round) {
    const std::size_t size = random() % 200;
    const std::string text = random_text(random, size, "aab\n");
    const std::string readable = padded(text);
    const std::string literal = random_text(random, random() % 6, "ab");
    const char* const begin = readable.data();
    const char* const expected = begin + std::min(text.find(literal), size);
    for (const auto widest : {literal_finder::simd::sse2, literal_finder::simd::avx2}) {
      const literal_finder finder{literal, widest};
      ASSERT_EQ(finder.find(begin, begin + size), expected) << text << " / " << literal;
      ASSERT_EQ(finder.is_in(text), text.find(literal) != std::string::npos) << text;
    }
  }
}

TEST(TextScan, ALiteralDoesNotReachBeyondTheEnd) {
  const std::string text = padded("abcab");
  const literal_finder finder{"abc"};
  EXPECT_EQ(finder.find(text.data() + 1, text.data() + 5), text.data() + 5);
  EXPECT_EQ(finder.find(text.data(), text.data() + 2), text.data() + 2);
}

std::string matching_lines(const std::string& expression, std::string_view text) {
  const auto matcher = line_matcher::make(expression);
  EXPECT_TRUE(matcher) << matcher.error();
  const std::string readable = padded(text);
  const char* const end = readable.data() + text.size();
  std::string out;
  for (const char* at = readable.data(); at < end;) {
    const std::string_view line = matcher->next_line(at, end);
    if (line.empty()) break;
    out += line;
    at = line.data() + line.size();
  }
  return out;
}

TEST(LineMatcher, GivesEachMatchingLineOnce) {
  constexpr std::string_view text = "one two two\nthree\n\ntwo\nfour two";
  EXPECT_EQ(matching_lines("two", text), "one two two\ntwo\nfour two");
  EXPECT_EQ(matching_lines("t.o", text), "one two two\ntwo\nfour two");
  EXPECT_EQ(matching_lines("^two$", text), "two\n");
  EXPECT_EQ(matching_lines("^$", text), "\n");
  EXPECT_EQ(matching_lines("four.*$", text), "four two");
  EXPECT_EQ(matching_lines("none", text), "");
  EXPECT_EQ(matching_lines("", text), text);
  EXPECT_EQ(matching_lines("x*", "a\nb\n"), "a\nb\n");
  EXPECT_EQ(matching_lines("x*$", "a\nb"), "a\nb");
}

TEST(LineMatcher, AnExpressionNeverSpansTwoLines) {
  EXPECT_EQ(matching_lines("a[^x]b", "a\nb\na-b\n"), "a-b\n");
  EXPECT_EQ(matching_lines("a\\sb", "a\nb\na b\n"), "a b\n");
  EXPECT_EQ(matching_lines("a(\\W|\\PL|[[:^alpha:]]|(?s:.)|\\x0a)b", "a\nb\na b\n"), "a b\n");
}

TEST(LineMatcher, AnchorsAreOfALineNotOfABlock) {
  constexpr std::string_view text = "a1\nb2\na3\nb4\n";
  EXPECT_EQ(matching_lines("\\Ab", text), "b2\nb4\n");
  EXPECT_EQ(matching_lines("3\\z", text), "a3\n");
  EXPECT_EQ(matching_lines("(?-m)^b", text), "b2\nb4\n");
  EXPECT_EQ(matching_lines("(?i-m:^B\\d$)", text), "b2\nb4\n");
  EXPECT_EQ(matching_lines("\\d\\C[ab]", text), "");
  EXPECT_EQ(matching_lines("\\\\A", "\\A\nA\n"), "\\A\n");
}

TEST(LineMatcher, ACarriageReturnBeforeTheNewlineIsNotOfTheLine) {
  constexpr std::string_view text = "foo\r\nfoo bar\r\n\r\nfoo\nfoo\r";
  EXPECT_EQ(matching_lines("foo$", text), "foo\r\nfoo\nfoo\r");
  EXPECT_EQ(matching_lines("fo+\\z", text), "foo\r\nfoo\nfoo\r");
  EXPECT_EQ(matching_lines("^$", text), "\r\n");
  EXPECT_EQ(matching_lines("foo.", text), "foo bar\r\n");
  EXPECT_EQ(matching_lines("[^a-z]$", text), "");
  EXPECT_EQ(matching_lines("r|^fo+", text), std::string{text.substr(0, 14)} + "foo\nfoo\r");
}

TEST(LineMatcher, WhatIsSearchedAtOnceDoesNotMatter) {
  std::mt19937 random{3};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    std::string expected;
    for (int i = 0; i < 300; ++i) {
      const std::string line = random_text(random, random() % 60, "abc") +
                               (random() % 2 == 0 ? "x" : "") +
                               (round % 3 < 1 && random() % 8 != 0 ? "\n" : "\r\n");
      text += line;
      if (line.find("x\r\n") != std::string::npos || line.find("x\n") != std::string::npos) {
        expected += line;
      }
    }
    for (const char* expression : {"x$", "[x]\\z", "x\\b", "(?-m:x$)"}) {
      ASSERT_EQ(matching_lines(expression, text), expected) << expression;
    }
  }
}

TEST(LineMatcher, SaysWhatIsWrongWithAnExpression) {
  const auto matcher = line_matcher::make("a(b");
  ASSERT_FALSE(matcher);
  EXPECT_EQ(matcher.error(), "'a(b' is no regular expression: missing ): a(b");
}

// A page that ends where nothing may be read any more.
class last_page {
 public:
  last_page()
      : size_{static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))},
        at_{::mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0)} {
    ::mprotect(end(), size_, PROT_NONE);
  }
  ~last_page() { ::munmap(at_, 2 * size_); }
  last_page(const last_page&) = delete;
  last_page& operator=(const last_page&) = delete;

  [[nodiscard]] std::string_view put_at_end(std::string_view text) {
    std::copy(text.begin(), text.end(), end() - text.size());
    return {end() - text.size(), text.size()};
  }

 private:
  [[nodiscard]] char* end() { return static_cast<char*>(at_) + size_; }
  std::size_t size_;
  void* at_;
};

TEST(LineMatcher, MatchesWithoutReadingBeyondTheText) {
  last_page page;
  const auto literal = line_matcher::make("zq");
  for (const std::string_view text : {"xxxxxxxxxxxxxxxxxxxxxxx", "xxxxz", "z"}) {
    EXPECT_FALSE(literal->matches(page.put_at_end(text))) << text;
  }
  EXPECT_TRUE(literal->matches(page.put_at_end("xxxxzq")));
}

TEST(LineMatcher, MatchesWithinAText) {
  const std::string text = padded("GET /api/x");
  const std::string_view value = std::string_view{text}.substr(0, 10);
  EXPECT_TRUE(line_matcher::make("/api/x")->matches(value));
  EXPECT_TRUE(line_matcher::make("^GET")->matches(value));
  EXPECT_TRUE(line_matcher::make("")->matches(value));
  EXPECT_TRUE(line_matcher::make("x$")->matches(value));
  EXPECT_FALSE(line_matcher::make("^/api")->matches(value));
  EXPECT_FALSE(line_matcher::make("/api/xy")->matches(value));
  EXPECT_TRUE(line_matcher::make("^$")->matches(value.substr(10)));
  EXPECT_FALSE(line_matcher::make("G")->matches(value.substr(0, 0)));
}

}  // namespace
}  // namespace millpool::logs
