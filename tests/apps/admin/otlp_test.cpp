// What a collector of OpenTelemetry gets of a pool's tasks, over real HTTP.
#include "millpool/millpool.hpp"
#include "millpool/otlp_exporter.hpp"
#include "tests/apps/admin/collector.hpp"
#include "tests/support/pool_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

class Otlp : public ::testing::Test {
 protected:
  [[nodiscard]] otlp_options options() const {
    return {.endpoint = collector.url(),
            .service_name = "shop",
            .interval = 1h,
            .timeout = 60s,
            .backoff = 1ms};
  }
  /// All spans of a request.
  static json spans_of(const test::collector::request& of) {
    return json::parse(of.body)["resourceSpans"][0]["scopeSpans"][0]["spans"];
  }
  static json attributes_of(const json& span) {
    json out = json::object();
    for (const json& each : span["attributes"]) out[each["key"].get<std::string>()] = each["value"];
    return out;
  }

  test::collector collector;
};

TEST_F(Otlp, ACollectorGetsTheThreeSpansOfATask) {
  otlp_exporter traces{options()};
  worker_pool pool{traces.watch(test::sized(2))};
  const task_class cards = pool.add_class({.name = "cards"});
  const auto asked =
      trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=a");
  const auto before = std::chrono::system_clock::now();
  {
    const trace_scope here{asked};
    pool.submit(cards, [] {}).get();
    EXPECT_THROW(pool.submit([] { throw std::runtime_error{"no such card"}; }).get(),
                 std::runtime_error);
  }
  pool.wait_idle();
  EXPECT_TRUE(traces.flush(60s));
  const auto after = std::chrono::system_clock::now();
  EXPECT_EQ(traces.so_far().exported, 6U);

  const auto requests = collector.await(1);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_THAT(requests[0].head, HasSubstr("POST /v1/traces HTTP/1.1"));
  EXPECT_THAT(requests[0].head, HasSubstr("Content-Type: application/json"));
  const json all = json::parse(requests[0].body);
  EXPECT_EQ(all["resourceSpans"][0]["resource"]["attributes"][0],
            json::parse(R"({"key": "service.name", "value": {"stringValue": "shop"}})"));

  std::map<std::string, json> by_name;
  for (const json& each : spans_of(requests[0])) by_name[each["name"]] = each;
  ASSERT_EQ(by_name.size(), 6U);
  for (const auto& [name, span] : by_name) {
    EXPECT_EQ(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(span["traceState"], "vendor=a");
    const auto start = std::stoll(span["startTimeUnixNano"].get<std::string>());
    const auto end = std::stoll(span["endTimeUnixNano"].get<std::string>());
    EXPECT_LE(start, end);
    // Two clocks are read one after the other, which takes a moment.
    EXPECT_GE(start, (before - 1s).time_since_epoch() / 1ns);
    EXPECT_LE(end, (after + 1s).time_since_epoch() / 1ns);
  }
  const json& submit = by_name["cards submit"];
  const json& wait = by_name["cards wait"];
  const json& run = by_name["cards run"];
  EXPECT_EQ(submit["parentSpanId"], "00f067aa0ba902b7");
  EXPECT_EQ(wait["parentSpanId"], submit["spanId"]);
  EXPECT_EQ(run["parentSpanId"], submit["spanId"]);
  EXPECT_EQ(submit["kind"], 4);
  EXPECT_EQ(wait["kind"], 1);
  EXPECT_EQ(run["kind"], 5);
  EXPECT_FALSE(run.contains("status"));
  EXPECT_EQ(wait["endTimeUnixNano"], run["startTimeUnixNano"]);
  EXPECT_EQ(wait["startTimeUnixNano"], submit["startTimeUnixNano"]);
  EXPECT_EQ(attributes_of(run), json::parse(R"({
      "millpool.pool": {"stringValue": "test"}, "millpool.task_class": {"stringValue": "cards"},
      "millpool.priority": {"intValue": "4"}, "millpool.attempt": {"intValue": "1"},
      "millpool.outcome": {"stringValue": "succeeded"}})"));
  EXPECT_EQ(by_name["test run"]["status"],
            json::parse(R"({"code": 2, "message": "no such card"})"));
}

TEST_F(Otlp, ARequestIsTheRootOfWhatItSubmits) {
  otlp_exporter traces{options()};
  worker_pool pool{traces.watch(test::sized(1))};
  std::string root;
  {
    request_span request{traces, "GET /orders", std::nullopt};
    root = request.context().span_id_text();
    pool.submit([] {}).get();
    request.fail("no such order");
  }
  const auto asked =
      trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  { const request_span request{traces, "GET /asked", asked}; }
  {
    const request_span request{
        traces, "not sampled",
        trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")};
  }
  pool.wait_idle();
  EXPECT_TRUE(traces.flush(60s));
  std::map<std::string, json> by_name;
  for (const json& each : spans_of(collector.await(1)[0])) by_name[each["name"]] = each;
  ASSERT_EQ(by_name.size(), 5U);
  EXPECT_FALSE(by_name["GET /orders"].contains("parentSpanId"));
  EXPECT_EQ(by_name["GET /orders"]["kind"], 2);
  EXPECT_EQ(by_name["GET /orders"]["status"]["message"], "no such order");
  EXPECT_EQ(by_name["test submit"]["parentSpanId"], root);
  EXPECT_EQ(by_name["GET /asked"]["parentSpanId"], "00f067aa0ba902b7");
  EXPECT_EQ(by_name["GET /asked"]["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_F(Otlp, ACollectorSaysHowLongToWait) {
  collector.answer("503 Busy\r\nRetry-After: 1");
  otlp_options chosen = options();
  chosen.backoff = 1h;  // as long as that it would be without
  otlp_exporter traces{chosen};
  { const request_span request{traces, "GET /", std::nullopt}; }
  EXPECT_TRUE(traces.flush(60s));
  EXPECT_EQ(traces.so_far().exported, 1U);
}

TEST_F(Otlp, ARefusalIsAnError) {
  otlp_exporter traces{options()};
  worker_pool pool{traces.watch(test::sized(1))};
  pool.close();
  const trace_context trace = trace_context::start();
  {
    const trace_scope here{&trace};
    EXPECT_FALSE(pool.post([] {}));
  }
  EXPECT_TRUE(traces.flush(60s));
  const json span = spans_of(collector.await(1)[0])[0];
  EXPECT_EQ(span["status"], json::parse(R"({"code": 2, "message": "closed"})"));
}

TEST_F(Otlp, OfSoManyTracesSoManyAreSampled) {
  otlp_options chosen = options();
  chosen.sample_ratio = 0.5;
  chosen.capacity = 10'000;
  otlp_exporter traces{chosen};
  std::set<std::string> sampled;
  {
    worker_pool pool{traces.watch(test::sized(2))};
    for (int i = 0; i < 400; ++i) {
      const request_span request{traces, "GET /", std::nullopt};
      if (request.context().is_sampled()) sampled.insert(request.context().trace_id_text());
      pool.post([] {});
    }
  }
  EXPECT_TRUE(traces.flush(60s));
  std::set<std::string> sent;
  for (const auto& request : collector.await(1)) {
    for (const json& each : spans_of(request)) sent.insert(each["traceId"].get<std::string>());
  }
  EXPECT_EQ(sent, sampled);
  EXPECT_NEAR(static_cast<double>(sampled.size()), 200.0, 100.0);  // ten standard deviations
}

TEST_F(Otlp, ABatchIsSentWhenItIsFull) {
  otlp_options chosen = options();
  chosen.batch = 30;
  otlp_exporter traces{chosen};
  worker_pool pool{traces.watch(test::sized(2))};
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  for (int i = 0; i < 20; ++i) pool.post([] {});
  const auto requests = collector.await(2);  // nobody flushes, and an hour does not pass
  EXPECT_EQ(spans_of(requests[0]).size(), 30U);
  EXPECT_EQ(spans_of(requests[1]).size(), 30U);
}

TEST_F(Otlp, WhatTheCollectorCannotTakeNowIsSentAgain) {
  for (const char* const busy : {"503 Busy", "429 Slow down", "502 Bad", "504 Late"}) {
    collector.answer(busy);
  }
  otlp_exporter traces{options()};
  worker_pool pool{traces.watch(test::sized(1))};
  const trace_context trace = trace_context::start();
  {
    const trace_scope here{&trace};
    pool.submit([] {}).get();
  }
  pool.wait_idle();
  EXPECT_TRUE(traces.flush(60s));
  const auto requests = collector.await(5);
  EXPECT_EQ(requests.size(), 5U);
  EXPECT_EQ(requests.back().body, requests.front().body);
  EXPECT_EQ(traces.so_far().exported, 3U);
  EXPECT_EQ(traces.so_far().failed, 0U);
}

TEST_F(Otlp, WhatTheCollectorRefusesIsCountedAndNotSentAgain) {
  collector.answer("400 What", "");
  collector.answer("200 OK",
                   R"({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}})");
  otlp_exporter traces{options()};
  worker_pool pool{traces.watch(test::sized(1))};
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  for (const std::uint64_t failed : {3U, 5U}) {
    pool.submit([] {}).get();
    pool.wait_idle();
    EXPECT_TRUE(traces.flush(60s));
    EXPECT_EQ(traces.so_far().failed, failed);
  }
  EXPECT_EQ(traces.so_far().exported, 1U);
  EXPECT_EQ(collector.await(2).size(), 2U);
}

TEST_F(Otlp, WhatThereIsNoRoomForIsDroppedAndCounted) {
  otlp_options chosen = options();
  chosen.batch = 10;
  chosen.capacity = 10;
  chosen.endpoint = "http://127.0.0.1:1";  // nobody listens there
  chosen.max_attempts = 1'000'000;
  chosen.backoff = 1h;
  otlp_exporter traces{chosen};
  worker_pool pool{traces.watch(test::sized(1))};
  const trace_context trace = trace_context::start();
  {
    const trace_scope here{&trace};
    for (int i = 0; i < 10; ++i) pool.submit([] {}).get();
  }
  pool.wait_idle();
  const auto now = traces.so_far();
  EXPECT_EQ(now.exported + now.failed, 0U);
  EXPECT_GE(now.dropped, 10U);  // ten wait, and ten more may be under way
  EXPECT_FALSE(traces.flush(1ms));
}

TEST_F(Otlp, ItsEndSendsWhatWaits) {
  {
    otlp_exporter traces{options()};
    worker_pool traced{traces.watch(test::sized(1))};
    const trace_context trace = trace_context::start();
    const trace_scope here{&trace};
    traced.submit([] {}).get();
    traced.wait_idle();
  }
  EXPECT_EQ(spans_of(collector.await(1)[0]).size(), 3U);
}

TEST_F(Otlp, APoolMayOutliveIt) {
  std::optional<otlp_exporter> traces{std::in_place, options()};
  worker_pool pool{traces->watch(test::sized(1))};
  traces.reset();
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  EXPECT_EQ(pool.submit([] { return 1; }).get(), 1);
}

TEST_F(Otlp, AHookThatWasThereIsCalledToo) {
  otlp_exporter traces{options()};
  std::atomic<int> heard{0};
  pool_options chosen = test::sized(1);
  chosen.on_span = [&](const span_info&) { ++heard; };
  worker_pool pool{traces.watch(chosen)};
  const trace_context trace = trace_context::start();
  const trace_scope here{&trace};
  pool.submit([] {}).get();
  pool.wait_idle();
  EXPECT_EQ(heard, 3);
}

TEST_F(Otlp, ItsHeadersAreSentAndItsResourceIsTold) {
  otlp_options chosen = options();
  chosen.endpoint += "/prefix/";
  chosen.headers = {{"x-key", "secret"}};
  chosen.resource = {{"deployment.environment", "test\xFF"}};
  otlp_exporter traces{chosen};
  worker_pool pool{traces.watch(test::sized(1))};
  const trace_context trace = trace_context::start();
  {
    const trace_scope here{&trace};
    pool.submit([] {}).get();
  }
  EXPECT_TRUE(traces.flush(60s));
  const auto request = collector.await(1)[0];
  EXPECT_THAT(request.head, HasSubstr("POST /prefix/v1/traces HTTP/1.1"));
  EXPECT_THAT(request.head, HasSubstr("x-key: secret"));
  EXPECT_THAT(request.body, HasSubstr("deployment.environment"));
}

TEST_F(Otlp, OptionsThatCannotBeAreNamed) {
  const auto wrong = [&](auto change) -> std::string {
    otlp_options chosen = options();
    change(chosen);
    try {
      const otlp_exporter none{chosen};
    } catch (const std::invalid_argument& refusal) {
      return refusal.what();
    }
    return "none";
  };
  EXPECT_EQ(wrong([](auto& each) { each.endpoint = "localhost:4318"; }),
            "otlp_options.endpoint: must begin with http:// or https://, is 'localhost:4318'");
  EXPECT_EQ(wrong([](auto& each) { each.sample_ratio = 2; }),
            "otlp_options.sample_ratio: must be 0 to 1, is 2.000000");
  EXPECT_EQ(wrong([](auto& each) { each.batch = 0; }),
            "otlp_options.batch: must be at least 1, is 0");
  EXPECT_EQ(wrong([](auto& each) { each.capacity = 5; }),
            "otlp_options.capacity: must be at least batch (512), is 5");
  EXPECT_EQ(wrong([](auto& each) { each.interval = 0s; }),
            "otlp_options.interval: must be above 0, and at most a day");
  EXPECT_EQ(wrong([](auto& each) { each.max_attempts = 0; }),
            "otlp_options.max_attempts: must be at least 1, is 0");
  EXPECT_EQ(wrong([](auto& each) {
              each.headers = {{"a", "b\r\nc: d"}};
            }),
            "otlp_options.headers: 'a' is none, or its value is empty or has a control character");
  EXPECT_EQ(wrong([](auto& each) { each.traces_url = "ftp://a"; }),
            "otlp_options.traces_url: must begin with http:// or https://, is 'ftp://a'");
}

// The environment is this thread's alone: no other has been started here.
class OtlpEnvironment : public ::testing::Test {
 protected:
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  ~OtlpEnvironment() override {
    for (const char* const each :
         {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SERVICE_NAME",
          "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER_ARG"}) {
      ::unsetenv(each);
    }
  }
};

TEST_F(OtlpEnvironment, GivesTheOptions) {
  EXPECT_EQ(otlp_options_from_environment().endpoint, "http://localhost:4318");
  set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
  set("OTEL_SERVICE_NAME", "shop");
  set("OTEL_EXPORTER_OTLP_HEADERS", "a=b,, key = c%20d%3D ,");
  set("OTEL_RESOURCE_ATTRIBUTES", "service.version=1,service.name=other,telemetry.sdk.name=x");
  set("OTEL_TRACES_SAMPLER_ARG", "0.25");
  const otlp_options read = otlp_options_from_environment();
  EXPECT_EQ(read.endpoint, "http://collector:4318");
  EXPECT_EQ(read.service_name, "shop");
  using pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(read.headers, (pairs{{"a", "b"}, {"key", "c d="}}));
  EXPECT_EQ(read.resource, (pairs{{"service.version", "1"}}));
  EXPECT_EQ(read.sample_ratio, 0.25);
  set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other/custom");
  EXPECT_EQ(otlp_options_from_environment().traces_url, "https://other/custom");
  ::unsetenv("OTEL_SERVICE_NAME");
  EXPECT_EQ(otlp_options_from_environment().service_name, "other");
}

TEST_F(OtlpEnvironment, ThatIsWrongIsNamed) {
  const auto wrong = []() -> std::string {
    try {
      (void)otlp_options_from_environment();
    } catch (const std::invalid_argument& refusal) {
      return refusal.what();
    }
    return "none";
  };
  set("OTEL_TRACES_SAMPLER_ARG", "half");
  EXPECT_EQ(wrong(), "OTEL_TRACES_SAMPLER_ARG: must be 0 to 1, is 'half'");
  set("OTEL_TRACES_SAMPLER_ARG", "nan");
  EXPECT_EQ(wrong(), "OTEL_TRACES_SAMPLER_ARG: must be 0 to 1, is 'nan'");
  set("OTEL_TRACES_SAMPLER_ARG", "1");
  set("OTEL_EXPORTER_OTLP_HEADERS", "a=b,secret");
  EXPECT_EQ(wrong(), "OTEL_EXPORTER_OTLP_HEADERS: must be name=value,…; number 2 is not");
}

}  // namespace
}  // namespace millpool
