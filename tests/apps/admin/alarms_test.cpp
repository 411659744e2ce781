// When a pool's alarms ring, and for how long they are silent then: by figures, in virtual time.
#include "millpool/alarm_service.hpp"
#include "tests/apps/scratch.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pool_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Alarms : public ::testing::Test {
 protected:
  Alarms() {
    pool.name = "orders";
    pool.min_workers = 2;
    pool.max_workers = 10;
    pool.queue_capacity = 100;
  }
  /// After `passed`, how often the only rule rings.
  std::vector<pool_alarm> look(duration passed = 1s) { return watch.look(pool, now += passed); }
  void rule(alarm_rule only) {
    watch = alarm_watch{{only}};
    EXPECT_THAT(look(), IsEmpty()) << "what was before it looked is not told";
  }

  pool_stats pool;
  time_point now{};
  alarm_watch watch{{}};
};

TEST_F(Alarms, RingWhenTheQueueIsAsFullAsThat) {
  rule({.item = alarm_item::capacity, .threshold = 0.8});
  pool.tasks.waiting = 79;
  EXPECT_THAT(look(), IsEmpty());
  pool.tasks.waiting = 80;
  const auto ring = look();
  ASSERT_EQ(ring.size(), 1U);
  EXPECT_EQ(ring[0].pool, "orders");
  EXPECT_EQ(ring[0].text, "pool 'orders': 80 % of the queue is taken: 80 tasks wait");
}

TEST_F(Alarms, RingWhenAllWorkersAreInTasks) {
  rule({.item = alarm_item::liveness, .threshold = 1.0});
  pool.workers.running = 6;
  pool.workers.blocked = 3;
  EXPECT_THAT(look(), IsEmpty());
  pool.workers.running = 7;
  ASSERT_EQ(look().size(), 1U);
}

TEST_F(Alarms, RingOnceItWasSoSoOftenWithinThePeriod) {
  rule({.item = alarm_item::capacity, .count = 3, .period = 10s, .silence = 0s});
  pool.tasks.waiting = 100;
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(look(), IsEmpty());
  pool.tasks.waiting = 0;
  EXPECT_THAT(look(8s), IsEmpty());  // the first is 9 s old
  pool.tasks.waiting = 100;
  EXPECT_THAT(look(1s), IsEmpty()) << "the first has left the period";
  EXPECT_EQ(look(0s).size(), 1U);
}

TEST_F(Alarms, AreSilentForAWhileAndThenSayHowOften) {
  rule({.item = alarm_item::capacity, .period = 5s, .silence = 60s});
  pool.tasks.waiting = 100;
  ASSERT_EQ(look().size(), 1U);
  for (int i = 0; i < 59; ++i) EXPECT_THAT(look(), IsEmpty());
  const auto ring = look();
  ASSERT_EQ(ring.size(), 1U);
  EXPECT_EQ(ring[0].silent, 59U);
}

TEST_F(Alarms, CountWhatWasRefused) {
  pool.refused[static_cast<std::size_t>(submit_errc::full)] = 1000;
  rule({.item = alarm_item::reject, .count = 10, .period = 60s});
  pool.refused[static_cast<std::size_t>(submit_errc::full)] += 9;
  pool.refused[static_cast<std::size_t>(submit_errc::closed)] += 50;
  EXPECT_THAT(look(), IsEmpty());
  pool.refused[static_cast<std::size_t>(submit_errc::timeout)] += 1;
  const auto ring = look();
  ASSERT_EQ(ring.size(), 1U);
  EXPECT_EQ(ring[0].times, 10U);
  EXPECT_THAT(ring[0].text, HasSubstr("10 submissions were refused within 60 s"));
}

TEST_F(Alarms, CountTasksThatRanOrWaitedForTooLong) {
  histogram times;
  const auto record = [&](duration time, histogram_snapshot pool_stats::*where) {
    times.record(time);
    pool.*where = times.snapshot();
  };
  rule({.item = alarm_item::run_timeout, .longer_than = 1s});
  record(500ms, &pool_stats::run);
  EXPECT_THAT(look(), IsEmpty());
  record(2s, &pool_stats::run);
  ASSERT_EQ(look().size(), 1U);
  rule({.item = alarm_item::queue_timeout, .longer_than = 1s, .silence = 0s});
  record(500ms, &pool_stats::wait);
  (void)look();
  record(2s, &pool_stats::wait);
  EXPECT_EQ(look().size(), 1U);
  pool.oldest_waiting = 2s;
  EXPECT_EQ(look().size(), 1U) << "one that still waits";
  pool.oldest_waiting = 1s;
  EXPECT_THAT(look(200s), IsEmpty());
}

TEST_F(Alarms, TellOfChangesBreakersAndStuckTasks) {
  rule({.item = alarm_item::change});
  pool.max_workers = 20;
  const auto ring = look();
  ASSERT_EQ(ring.size(), 1U);
  EXPECT_THAT(ring[0].text, HasSubstr("workers 2 to 10 became 2 to 20"));
  rule({.item = alarm_item::stuck});
  pool.stuck_total = 1;
  pool.stuck = 1;
  EXPECT_EQ(look().size(), 1U);
  rule({.item = alarm_item::breaker});
  pool.breakers.push_back({"", {.name = "b", .state = "open", .entered = {{"closed", 5}}}});
  EXPECT_THAT(look(), IsEmpty());
  pool.breakers[0].seen.entered.push_back({"open", 1});
  EXPECT_EQ(look().size(), 1U);
}

TEST_F(Alarms, OfAPoolThatBeganAnewCountFromThere) {
  pool.stuck_total = 5;
  rule({.item = alarm_item::stuck});
  pool.stuck_total = 0;
  EXPECT_THAT(look(), IsEmpty());
  pool.stuck_total = 1;
  EXPECT_EQ(look().size(), 1U);
}

TEST_F(Alarms, OfSeveralPoolsAreApart) {
  watch = alarm_watch{{{.item = alarm_item::capacity, .silence = 60s}}};
  pool_stats other = pool;
  other.name = "mails";
  pool.tasks.waiting = other.tasks.waiting = 100;
  EXPECT_EQ(watch.look(pool, now).size(), 1U);
  EXPECT_EQ(watch.look(other, now).size(), 1U);
  EXPECT_THAT(watch.look(other, now), IsEmpty());
  watch.forget("mails");
  EXPECT_EQ(watch.look(other, now).size(), 1U);
}

TEST_F(Alarms, RefuseRulesThatCannotBe) {
  const std::pair<alarm_rule, const char*> all[] = {
      {{.item = alarm_item::capacity, .threshold = 0.0},
       "alarm_rule capacity: threshold must be above 0 and at most 1, is 0"},
      {{.item = alarm_item::liveness, .threshold = 1.5},
       "alarm_rule liveness: threshold must be above 0 and at most 1, is 1.5"},
      {{.item = alarm_item::run_timeout, .longer_than = 0s},
       "alarm_rule run_timeout: longer_than must be above 0, is 0 ns"},
      {{.item = alarm_item::reject, .count = 0},
       "alarm_rule reject: count must be at least 1, is 0"},
      {{.item = alarm_item::stuck, .period = 0s},
       "alarm_rule stuck: period must be above 0, is 0 ns"},
      {{.item = alarm_item::stuck, .silence = -1ns},
       "alarm_rule stuck: silence must not be below 0, is -1 ns"}};
  for (const auto& [bad, why] : all) {
    try {
      const alarm_watch refused{{bad}};
      ADD_FAILURE() << "it was taken: " << why;
    } catch (const std::invalid_argument& error) {
      EXPECT_STREQ(error.what(), why);
    }
  }
}

TEST_F(Alarms, AreSaidAsEachReceiverReadsThem) {
  const pool_alarm alarm{.pool = "orders",
                         .item = alarm_item::reject,
                         .times = 7,
                         .rule = {},
                         .silent = 2,
                         .text = "pool \"orders\": \xFF"};
  const auto body = [&](alarm_format format) { return json::parse(body_of(alarm, format)); };
  const std::string text = "pool \"orders\": \xEF\xBF\xBD (and 2 times before, in silence)";
  EXPECT_EQ(body(alarm_format::feishu).at("msg_type"), "text");
  EXPECT_EQ(body(alarm_format::feishu).at("content").at("text"), "Millpool: reject\n" + text);
  EXPECT_EQ(body(alarm_format::dingtalk).at("msgtype"), "markdown");
  EXPECT_EQ(body(alarm_format::dingtalk).at("markdown").at("title"), "Millpool: reject");
  EXPECT_EQ(body(alarm_format::dingtalk).at("markdown").at("text"),
            "#### Millpool: reject\n\n" + text);
  EXPECT_EQ(body(alarm_format::wecom).at("markdown").at("content"),
            "**Millpool: reject**\n" + text);
  EXPECT_EQ(body(alarm_format::plain).at("item"), "reject");
  EXPECT_EQ(body(alarm_format::plain).at("times"), 7);
}

TEST(AlarmOptions, AreReadAsTheyAreWritten) {
  const std::string text =
      R"({"interval":0.5,"rules":[{"item":"capacity","threshold":0.9,"longer_than":1.0,"count":3,)"
      R"("period":60.0,"silence":300.0}],"sinks":[{"type":"log"},{"type":"wecom",)"
      R"("url":"https://example.org/send?key=secret"}]})";
  const alarm_options options = parse_alarm_options(text);
  EXPECT_EQ(to_json(options, true), text);
  EXPECT_THAT(to_json(options, false), HasSubstr("https://example.org/…"));
  EXPECT_EQ(options.interval, 500ms);
  EXPECT_EQ(options.rules.at(0).silence, 300s);
  EXPECT_EQ(options.sinks.at(1).format, alarm_format::wecom);
  EXPECT_TRUE(parse_alarm_options("{}").rules.empty());
  for (const char* const url :
       {"https://user:key@host", "https://host?key=a/b", "https://host#key"}) {
    EXPECT_THAT(to_json({.sinks = {{.url = url}}}, false), ::testing::Not(HasSubstr("key"))) << url;
  }
}

TEST(AlarmOptions, AreRefusedInOneSentenceThatNamesThePlace) {
  const std::pair<const char*, const char*> all[] = {
      {"", "it is no JSON, from byte 1 on"},
      {"[]", "the text: must be an object, is []"},
      {R"({"rule":[]})", "there is no 'rule'"},
      {R"({"rules":{}})", "rules: must be an array, is {}"},
      {R"({"rules":[7]})", "rules[0]: must be an object, is 7"},
      {R"({"rules":[{}]})", "rules[0]: there is no 'item' in it"},
      {R"({"rules":[{"item":"x"}]})", "rules[0].item: must be one of change, liveness"},
      {R"({"rules":[{"item":"stuck"},{"item":"stuck","cuont":1}]})",
       "there is no 'rules[1].cuont'"},
      {R"({"rules":[{"item":"stuck","count":-1}]})",
       "rules[0].count: must be a whole number, is -1"},
      {R"({"rules":[{"item":"stuck","period":1e30}]})",
       "rules[0].period: must be a number of seco"},
      {R"({"rules":[{"item":"stuck","threshold":"1"}]})", "threshold: must be a number, is \"1\""},
      {R"({"sinks":[{"type":"mail"}]})", "sinks[0].type: must be one of log, webhook"},
      {R"({"sinks":[{"type":"feishu"}]})", "sinks[0]: there is no 'url' in it"},
      {R"({"sinks":[{"type":"log","url":"http://x"}]})", "sinks[0]: a log has no url"},
      {R"({"interval":1e999})", "it has a number that is too large"},
      {R"({"sinks":[{"type":"wecom","url":"https://example.org/…"}]})",
       "sinks[0].url: what was hidden is not known here"},
      {R"({"interval":null})", "interval: must be a number of seconds, is null"}};
  for (const auto& [text, why] : all) {
    try {
      (void)parse_alarm_options(text);
      ADD_FAILURE() << "it was taken: " << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(why)) << text;
    }
  }
}

class AlarmService : public ::testing::Test {
 protected:
  /// Waits until so many bodies have come, and gives them.
  std::vector<std::pair<std::string, std::string>> await_sent(std::size_t count) {
    std::unique_lock lock{mutex};
    came.wait(lock, [&] { return sent.size() >= count; });
    return sent;
  }
  alarm_service::sender sender() {
    return [this](const std::string& url, const std::string& body) -> std::string {
      const std::lock_guard lock{mutex};
      sent.emplace_back(url, body);
      came.notify_all();
      return {};
    };
  }
  /// As many as have room wait, behind one that runs, as long as `busy` does.
  void fill() {
    while (pool.try_post([] {})) {
    }
  }

  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::pair<std::string, std::string>> sent;
  worker_pool pool{test::sized(1, 4)};
  const alarm_options one{
      .rules = {{.item = alarm_item::capacity, .threshold = 1.0, .silence = 1h}},
      .sinks = {{.url = "http://a"}, {.url = "http://b", .format = alarm_format::feishu}},
      .interval = 1ms};
};

TEST_F(AlarmService, SendsWhatRingsToEachSinkOnce) {
  const test::occupation busy{pool, 1};
  fill();
  const alarm_service service{one, admin_log{}, sender()};
  const auto all = await_sent(2);
  EXPECT_EQ(all[0].first, "http://a");
  EXPECT_EQ(json::parse(all[0].second).at("item"), "capacity");
  EXPECT_EQ(all[1].first, "http://b");
  EXPECT_EQ(json::parse(all[1].second).at("msg_type"), "text");
}

TEST_F(AlarmService, TakesOtherOptionsWhileItRuns) {
  const test::occupation busy{pool, 1};
  fill();
  const admin_log log;
  alarm_service service{{.interval = 1h}, log, sender()};
  const auto changes = service.reconfigure(one);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].name, "alarms");
  (void)await_sent(2);
  EXPECT_TRUE(service.reconfigure(one).empty());
  alarm_options bad = one;
  bad.sinks[0].url = "ftp://a";
  EXPECT_THROW(service.reconfigure(bad), std::invalid_argument);
  EXPECT_EQ(to_json(service.options(), true), to_json(one, true));
  EXPECT_EQ(log.sequence(), 1U) << "what was refused changed nothing";
}

TEST_F(AlarmService, ReadsItsFileAgainWhenItHasChanged) {
  const test::scratch folder;
  const std::string path = folder.path("alarms.json");
  const auto write = [&](const std::string& text) {
    std::filesystem::rename(folder.write("new", text), path);
  };
  write(R"({"interval":0.001})");
  const admin_log log;
  alarm_service service{{.interval = 1ms}, log, sender()};
  service.watch_file(path);
  write(R"({"interval":0.001,"rules":[{"item":"stuck"}]})");
  test::await([&] { return service.options().rules.size() == 1; });
  write("{");  // told, and passed over
  write(R"({"interval":0.001,"rules":[{"item":"stuck"},{"item":"breaker"}]})");
  test::await([&] { return service.options().rules.size() == 2; });
  test::await([&] { return log.sequence() == 2; });
  EXPECT_THROW(service.watch_file(folder.path("none")), std::invalid_argument);
}

}  // namespace
}  // namespace millpool
