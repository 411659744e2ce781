#include "bench/pool/results.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

using ::testing::HasSubstr;

const saved_run run{
    .made = {.machine = "a \"fast\" CPU", .compiler = "GNU 12", .flags = "-O3", .commit = "c0ffee"},
    .runs = {
        {"A", "millpool", 1, {{"ns_per_task", 20}, {"peak_rss_kib", 4000}, {"tasks", 2e6}}},
        {"A", "millpool", 2, {{"ns_per_task", 22}, {"peak_rss_kib", 4000}, {"tasks", 2e6}}},
        {"A", "asio", 1, {{"ns_per_task", 210}, {"peak_rss_kib", 8000}}},
        {"A", "openmp", 1, {{"ns_per_task", 7}, {"peak_rss_kib", 9000}}},
        {"W0r", "millpool", 1, {{"ns_per_task", 90}, {"peak_rss_kib", 5000}}},
    }};

saved_run read_back(const std::string& text) {
  std::istringstream in{text};
  return parse_json_lines(in);
}

TEST(SavedResults, WhatIsReadIsWhatWasWritten) {
  const saved_run found = read_back(json_lines(run));
  EXPECT_EQ(found.made.machine, run.made.machine);
  ASSERT_EQ(found.runs.size(), run.runs.size());
  EXPECT_EQ(found.runs[1].round, 2u);
  EXPECT_EQ(found.runs[1].values, run.runs[1].values);
  EXPECT_EQ(json_lines(found), json_lines(run));
}

TEST(SavedResults, ALineThatIsNoneIsNamed) {
  EXPECT_THROW(read_back(""), std::runtime_error);
  for (const char* const bad :
       {"nonsense", "{}", R"({"case":"A"})", R"({"case":"A","subject":"x","round":1}x)"}) {
    try {
      read_back(json_lines(run) + bad + "\n");
      FAIL() << bad;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("line 7")) << bad;
    }
  }
}

TEST(SavedResults, TheTableComparesWithTheBestRivalThatIsToBeBeaten) {
  const std::string table = markdown_table(run);
  EXPECT_THAT(table, HasSubstr("| A | 1 outside producer, empty tasks, capacity 1024, ns/task | "
                               "21.0 | 9.52 % | asio 210 | 0 % | 10.0 | 4000 | 8000 |\n"));
  EXPECT_THAT(table, HasSubstr("ns/task | 90.0 | 0 % | - | - | - | 5000 | - |\n"));
  EXPECT_THAT(table, HasSubstr("commit c0ffee"));
}

}  // namespace
}  // namespace bench
