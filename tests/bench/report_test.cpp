#include "bench/pool/report.hpp"

#include "bench/pool/plot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bench {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

const std::vector<run_result> runs{
    {"A", "millpool", 1, {{"ns_per_task", 20}, {"peak_rss_kib", 4000}, {"cpu_percent", 199}}},
    {"A", "asio", 1, {{"ns_per_task", 250}, {"peak_rss_kib", 8000}, {"cpu_percent", 150}}},
};

TEST(Report, AJsonLineHasTheNamesOfTheContractFirst) {
  EXPECT_EQ(json_line({"I", "millpool", 2, {{"peak_rss_kib", 4000}, {"idle_us_per_s", 50.5}}}),
            R"({"case":"I","subject":"millpool","round":2,"ns_per_task":null,"peak_rss_kib":4000,)"
            R"("cpu_percent":null,"tasks":null,"idle_us_per_s":50.5})");
}

TEST(Report, ATableShowsTheRatioToMillpoolAndADashForWhoHasNoSuchThing) {
  const std::string table = case_table(all_cases()[0], runs, {"glib"});
  EXPECT_THAT(table, HasSubstr("12.5"));
  EXPECT_THAT(table, MatchesRegex("(.|\n)*glib +-\n(.|\n)*"));
  EXPECT_THAT(table, Not(HasSubstr("tbb")));
}

TEST(Report, APlotHasABarASubjectAndIsWellFormedWithoutAny) {
  EXPECT_THAT(plot(runs, "a < b"), HasSubstr("asio"));
  EXPECT_THAT(plot(runs, "a < b"), HasSubstr("a &lt; b"));
  EXPECT_THAT(plot({{"C1", "asio", 1, {{"ns_per_task", 4760}}}}, ""), HasSubstr(">4.76 us<"));
  EXPECT_THAT(plot({}, ""), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace bench
