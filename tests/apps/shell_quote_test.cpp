#include "apps/millpool/run/shell_quote.hpp"

#include <gtest/gtest.h>

namespace millpool::run {
namespace {

// Expected values are what GNU parallel 20221122 wrote into its joblog.
TEST(ShellQuote, LeavesSafeWordsAsTheyAre) {
  EXPECT_EQ(shell_quoted("dir/name-1_2.tar.gz+x"), "dir/name-1_2.tar.gz+x");
}

TEST(ShellQuote, WritesAnEmptyWordAsTwoQuotes) { EXPECT_EQ(shell_quoted(""), "''"); }

TEST(ShellQuote, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_quoted("b c"), "'b c'");
  EXPECT_EQ(shell_quoted("$HOME;`x`\n"), "'$HOME;`x`\n'");
  EXPECT_EQ(shell_quoted("caf\xc3\xa9"), "'caf\xc3\xa9'");
}

TEST(ShellQuote, BreaksOutForAQuoteAndDropsEmptyPairsAtTheEnds) {
  EXPECT_EQ(shell_quoted("a'b c"), "'a'\"'\"'b c'");
  EXPECT_EQ(shell_quoted("'"), "\"'\"");
  EXPECT_EQ(shell_quoted("x'"), "'x'\"'\"");
}

}  // namespace
}  // namespace millpool::run
