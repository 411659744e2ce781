// The page that a Prometheus server reads: the formats to the letter, whatever the labels hold.
#include "millpool/telemetry/exposition.hpp"

#include "millpool/telemetry/process_metrics.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace millpool {
namespace {

using ::testing::HasSubstr;

class Exposition : public ::testing::TestWithParam<metrics_format> {
 protected:
  [[nodiscard]] std::string text() { return std::move(page).finish(); }

  exposition page{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, Exposition,
                         ::testing::Values(metrics_format::prometheus, metrics_format::openmetrics),
                         [](const auto& each) {
                           return each.param == metrics_format::prometheus ? "Prometheus"
                                                                           : "OpenMetrics";
                         });

TEST_P(Exposition, GivesEachTypeTheNamesOfItsFormat) {
  page.family("a_seconds", metric_type::counter, "Of a.", "seconds");
  page.value({{"x", "1"}, {"y", "2"}}, 1.5);
  page.value({}, std::uint64_t{7});
  page.family("b", metric_type::gauge, "Of b.");
  page.value({}, 0.0);
  page.family("c_build", metric_type::info, "Of c.");
  page.value({{"version", "1"}}, std::uint64_t{1});
  EXPECT_EQ(text(), GetParam() == metrics_format::prometheus ? R"(# HELP a_seconds_total Of a.
# TYPE a_seconds_total counter
a_seconds_total{x="1",y="2"} 1.5
a_seconds_total 7
# HELP b Of b.
# TYPE b gauge
b 0
# HELP c_build_info Of c.
# TYPE c_build_info gauge
c_build_info{version="1"} 1
)"
                                                             : R"(# HELP a_seconds Of a.
# TYPE a_seconds counter
# UNIT a_seconds seconds
a_seconds_total{x="1",y="2"} 1.5
a_seconds_total 7
# HELP b Of b.
# TYPE b gauge
b 0
# HELP c_build Of c.
# TYPE c_build info
c_build_info{version="1"} 1
# EOF
)");
}

TEST_P(Exposition, EscapesWhatLabelsHold) {
  page.family("a", metric_type::gauge, "Line\none, C:\\.");
  page.value({{"x", "a\"b\\c\nd"}}, 1.0);
  const std::string all = text();
  EXPECT_THAT(all, HasSubstr("# HELP a Line\\none, C:\\\\.\n"));
  EXPECT_THAT(all, HasSubstr("a{x=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST_P(Exposition, MendsWhatIsNotUtf8) {
  const std::string instead = "\xEF\xBF\xBD";
  const std::pair<std::string, std::string> all[] = {
      {"\xE6\xB1\xA0 \xC3\xA9 \xF0\x9F\x98\x80", "\xE6\xB1\xA0 \xC3\xA9 \xF0\x9F\x98\x80"},
      {"\x80 a", instead + " a"},                                   // no beginning
      {"a\xE6\xB1", "a" + instead + instead},                       // cut off
      {"\xC0\xAF", instead + instead},                              // too long
      {"\xED\xA0\x80", instead + instead + instead},                // half of a pair
      {"\xF4\x90\x80\x80", instead + instead + instead + instead},  // beyond the last
      {"\xFF", instead}};
  for (const auto& [given, shown] : all) {
    exposition one{GetParam()};
    one.family("a", metric_type::gauge, "A.");
    one.value({{"x", given}}, 1.0);
    EXPECT_THAT(std::move(one).finish(), HasSubstr("a{x=\"" + shown + "\"} 1\n"));
  }
}

TEST_P(Exposition, WritesNumbersAsGoDoes) {
  page.family("a", metric_type::gauge, "A.");
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::pair<double, const char*> all[] = {
      {0.1, "0.1"},       {1e300, "1e+300"},   {-2.5, "-2.5"},
      {infinity, "+Inf"}, {-infinity, "-Inf"}, {std::numeric_limits<double>::quiet_NaN(), "NaN"}};
  std::string expected;
  for (const auto& [number, shown] : all) {
    page.value({}, number);
    expected += std::string{"a "} + shown + "\n";
  }
  page.value({}, std::numeric_limits<std::uint64_t>::max());
  expected += "a 18446744073709551615\n";
  EXPECT_THAT(text(), HasSubstr(expected));
}

TEST_P(Exposition, CountsInEachBucketWhatIsNotLonger) {
  using namespace std::chrono_literals;
  histogram times;
  times.record(0ns);
  times.record(1023ns);
  times.record(1025ns);
  times.record(1ms, 128);
  times.record(2h);
  page.family("t_seconds", metric_type::histogram, "T.", "seconds");
  page.histogram({{"x", "1"}}, times.snapshot());
  const std::string all = text();
  EXPECT_THAT(all, HasSubstr("t_seconds_bucket{x=\"1\",le=\"1.024e-06\"} 2\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_bucket{x=\"1\",le=\"2.048e-06\"} 3\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_bucket{x=\"1\",le=\"0.000524288\"} 3\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_bucket{x=\"1\",le=\"0.001048576\"} 131\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_bucket{x=\"1\",le=\"68.719476736\"} 131\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_bucket{x=\"1\",le=\"+Inf\"} 132\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_sum{x=\"1\"} 7200.128002048\n"));
  EXPECT_THAT(all, HasSubstr("t_seconds_count{x=\"1\"} 132\n"));
}

TEST_P(Exposition, OfTheProcessTellsWhatItUses) {
  write_process_metrics(page);
  const std::string all = text();
  for (const char* const name :
       {"process_cpu_seconds_total", "process_start_time_seconds", "process_resident_memory_bytes",
        "process_virtual_memory_bytes", "process_threads", "process_open_fds", "process_max_fds"}) {
    const std::size_t at = all.find(std::string{"\n"} + name + " ");
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GE(std::stod(all.substr(at + std::string{name}.size() + 2)), 0.0) << name;
  }
}

TEST(MetricsFormat, IsWhatTheRequestPrefers) {
  constexpr metrics_format text = metrics_format::prometheus;
  constexpr metrics_format open = metrics_format::openmetrics;
  const std::pair<const char*, metrics_format> all[] = {
      {"", text},
      {"*/*", text},
      {"text/html,application/xhtml+xml,*/*;q=0.8", text},
      {"text/plain;version=0.0.4", text},
      {"application/openmetrics-text", open},
      // What Prometheus 2.42 asks for, and a newer one.
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       open},
      {"application/openmetrics-text; version=1.0.0; escaping=allow-utf-8;q=0.5, "
       "text/plain;version=1.0.0;q=0.4,*/*;q=0.2",
       open},
      {"text/plain;version=0.0.4,application/openmetrics-text;q=0.5", text},
      {"Application/OpenMetrics-Text ; Version=\"1.0.0\"", open},
      {"application/openmetrics-text;version=2.0.0", text},
      {"application/openmetrics-text;q=0", text},
      {"application/openmetrics-text;q=0.1,*/*", text},
      {"application/openmetrics-text,*/*;q=0.9,text/plain;q=0", open},
      {"application/openmetrics-text;q=nan", text},
      {"application/openmetrics-text;q=7", text},
      {",;=,;q=;,application/openmetrics-text;;", open},
  };
  for (const auto& [accept, wanted] : all) {
    EXPECT_EQ(choose_metrics_format(accept), wanted) << accept;
  }
  EXPECT_THAT(std::string{content_type(open)}, HasSubstr("openmetrics-text; version=1.0.0"));
  EXPECT_THAT(std::string{content_type(text)}, HasSubstr("text/plain; version=0.0.4"));
}

}  // namespace
}  // namespace millpool
