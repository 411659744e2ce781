// What the admin server answers: the figures, what is changed and what is refused, and to whom.
#include "apps/support/admin/api.hpp"

#include "tests/support/gate.hpp"
#include "tests/support/metrics_page.hpp"
#include "tests/support/pool_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <utility>

namespace millpool::admin {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Api : public ::testing::Test {
 protected:
  using headers = std::map<std::string, std::string, std::less<>>;

  answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             headers with = {}) {
    with.try_emplace("host", "localhost:9464");
    if (method == "POST") with.try_emplace("content-type", "application/json");
    return server.handle({.method = method,
                          .target = target,
                          .body = body,
                          .header = [&](std::string_view name) -> std::string_view {
                            const auto found = with.find(name);
                            return found != with.end() ? std::string_view{found->second}
                                                       : std::string_view{};
                          }});
  }
  // What few requests bring, as admin::request::header.
  static std::string_view json_type(std::string_view name) {
    return name == "content-type" ? "application/json" : "";
  }
  static std::string_view nothing(std::string_view /*name*/) { return {}; }
  answer steer(const std::string& body) { return ask("POST", "/api/v1/pools/test", body); }
  [[nodiscard]] static std::string error_of(const answer& of) {
    return json::parse(of.body).at("error").get<std::string>();
  }

  worker_pool pool{test::sized(2)};
  admin_options options{};
  api server{{pool}, options};
};

TEST_F(Api, TellsWhatThePoolDoes) {
  const auto mails = pool.add_class({.name = "mails"});
  pool.submit({.task_class = mails}, [] {}).get();
  const test::occupation busy{pool, 2};
  pool.post({.priority = 3}, [] {});
  const json seen = json::parse(ask("GET", "/api/v1/pools").body).at("pools").at(0);
  EXPECT_EQ(seen.at("name"), "test");
  EXPECT_EQ(seen.at("workers").at("running"), 2);
  EXPECT_EQ(seen.at("queue").at("depth").at(3), 1);
  EXPECT_EQ(seen.at("classes").at(1).at("name"), "mails");
  EXPECT_EQ(seen.at("classes").at(1).at("ended").at("succeeded"), 1);
  const json alone = json::parse(ask("GET", "/api/v1/pools/test").body);
  EXPECT_EQ(alone.at("options").at("queue_capacity"), 1024);
  EXPECT_EQ(alone.at("options").at("when_full"), "block");
  EXPECT_EQ(alone.at("options").at("keep_alive"), 60.0);
  EXPECT_EQ(alone.at("options").at("stuck_after"), nullptr);
}

TEST_F(Api, PausesAndResumes) {
  EXPECT_EQ(steer(R"({"action":"pause"})").status, 200U);
  EXPECT_TRUE(pool.stats().paused);
  EXPECT_EQ(steer(R"({"action":"resume"})").status, 200U);
  EXPECT_FALSE(pool.stats().paused);
}

TEST_F(Api, ResizesAndTellsTheDifference) {
  const answer done = steer(R"({"action":"resize","min_workers":1,"max_workers":5})");
  EXPECT_EQ(done.status, 200U);
  EXPECT_EQ(json::parse(done.body),
            json::parse(R"({"changes":[{"name":"min_workers","from":"2","to":"1"},
                                       {"name":"max_workers","from":"2","to":"5"}]})"));
  EXPECT_EQ(pool.stats().max_workers, 5U);
}

TEST_F(Api, ReconfiguresByTheNamesThatItShows) {
  const json shown = json::parse(ask("GET", "/api/v1/pools/test").body).at("options");
  EXPECT_EQ(steer(json{{"action", "reconfigure"}, {"options", shown}}.dump()).body,
            "{\"changes\":[]}\n");
  const answer done = steer(
      R"({"action":"reconfigure","options":{"queue_capacity":7,"when_full":"discard_lowest",
          "block_for":0.25,"aging.bound":"forever","at_destruction.drain":3}})");
  EXPECT_EQ(done.status, 200U) << done.body;
  const pool_options now = pool.options();
  EXPECT_EQ(now.queue_capacity, 7U);
  EXPECT_EQ(now.when_full, full_policy::discard_lowest);
  EXPECT_EQ(now.block_for, std::chrono::milliseconds{250});
  EXPECT_EQ(now.aging.bound, duration::max());
  EXPECT_EQ(now.at_destruction.drain, std::chrono::seconds{3});
}

TEST_F(Api, ChangesNothingWhereOneThingIsWrong) {
  const std::pair<const char*, const char*> all[] = {
      {"", "it is no JSON, from byte 1 on"},
      {"{", "it is no JSON, from byte 2 on"},
      {R"({"action":"resize","max_workers":1e999})", "it has a number that is too large"},
      {R"({"action":"resize","max_workers":null})", "max_workers: must be a whole number"},
      {R"({"action":"resize","max_workers":[[[[[[[[[1]]]]]]]]]})", "it is nested too deeply"},
      {"[]", "an object with an 'action' is needed"},
      {R"({"action":7})", "an object with an 'action' is needed"},
      {R"({"action":"stop"})", "there is no action 'stop'"},
      {R"({"action":"pause","for":3})", "there is no 'for' for this action"},
      {R"({"action":"resize","queue_capacity":3})", "there is no 'queue_capacity'"},
      {R"({"action":"resize","min_workers":9,"max_workers":4})", "min_workers (9) must not exceed"},
      {R"({"action":"resize","max_workers":-1})", "max_workers: must be a whole number"},
      {R"({"action":"resize","max_workers":1.5})", "max_workers: must be a whole number"},
      {R"({"action":"resize","max_workers":99999999999999999999})", "max_workers: must be a whole"},
      {R"({"action":"reconfigure","options":[]})", "options: must be an object"},
      {R"({"action":"reconfigure","options":{"queue_capacity":3,"nmae":1}})",
       "there is no option 'nmae' that can change"},
      {R"({"action":"reconfigure","options":{"queue_capacity":3,"when_full":"wait"}})",
       "when_full: must be one of block, block_for"},
      {R"({"action":"reconfigure","options":{"queue_capacity":3,"keep_alive":"soon"}})",
       "keep_alive: must be a number of seconds"},
      {R"({"action":"reconfigure","options":{"queue_capacity":3,"keep_alive":1e300}})",
       "keep_alive: must be a number of seconds"},
      {R"({"action":"reconfigure","options":{"queue_capacity":0}})", "queue_capacity"},
      {R"({"action":"reconfigure","options":{"queue_capacity":3,"aging.share":4294967296}})",
       "aging.share: must be a whole number from 0 to 4294967295"},
  };
  for (const auto& [body, why] : all) {
    const answer refused = steer(body);
    EXPECT_EQ(refused.status, 400U) << body;
    EXPECT_THAT(error_of(refused), HasSubstr(why)) << body;
  }
  EXPECT_EQ(pool.stats().queue_capacity, 1024U);
  EXPECT_EQ(pool.stats().max_workers, 2U);
}

TEST_F(Api, ChangesNothingThatTheProgramCouldNotBear) {
  admin_options strict;
  strict.check = [](const pool_options& wanted) {
    if (*wanted.max_workers > 3) throw std::invalid_argument{"three are enough"};
  };
  api other{{pool}, strict};
  const auto resize = [&](const char* body) {
    return other.handle({"POST", "/api/v1/pools/test", body, json_type});
  };
  EXPECT_EQ(error_of(resize(R"({"action":"resize","max_workers":4})")), "three are enough");
  EXPECT_EQ(pool.stats().max_workers, 2U);
  EXPECT_EQ(resize(R"({"action":"resize","max_workers":3})").status, 200U);
  strict.changeable = {"max_workers"};
  api narrow{{pool}, strict};
  EXPECT_EQ(error_of(narrow.handle({"POST", "/api/v1/pools/test",
                                    R"({"action":"reconfigure","options":{"queue_capacity":1}})",
                                    json_type})),
            "'queue_capacity' cannot be changed in this program");
}

TEST_F(Api, KnowsItsPathsAndWhatTheyCanDo) {
  EXPECT_EQ(ask("GET", "/api/v1/pools/none").status, 404U);
  EXPECT_EQ(ask("POST", "/api/v1/pools/none", "{}").status, 404U);
  for (const char* const path : {"/nothing", "/api", "/api/v1", "/api/v2/pools",
                                 "/api/v1/pools/test/x", "/api/v1/queues/test", "//metrics"}) {
    EXPECT_EQ(ask("GET", path).status, 404U) << path;
  }
  for (const char* const path : {"metrics", "*", "/%", "/%zz", "/%4"}) {
    EXPECT_NE(ask("GET", path).status, 200U) << path;
  }
  const answer refused = ask("DELETE", "/api/v1/pools/test");
  EXPECT_EQ(refused.status, 405U);
  EXPECT_EQ(refused.headers.at(0).second, "GET, HEAD, POST");
  EXPECT_EQ(ask("POST", "/metrics", "{}").status, 405U);
  EXPECT_EQ(ask("GET", "/api/v1/drain").status, 405U);
  EXPECT_EQ(ask("GET", "/api/v1/pools/%74est?x=1").status, 200U);
}

TEST_F(Api, ShowsItsPageToAnybodyAndUnderAStrictPolicy) {
  admin_options guarded;
  guarded.token = "a secret";
  api other{{pool}, guarded};
  const auto get = [&](const std::string& target) {
    return other.handle({"GET", target, "", nothing});
  };
  const answer page = get("/");
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.type, "text/html; charset=utf-8");
  EXPECT_THAT(page.headers, ::testing::Contains(::testing::Pair("Content-Security-Policy",
                                                                HasSubstr("default-src 'none'"))));
  EXPECT_EQ(page.body, get("/assets/index.html").body);
  EXPECT_THAT(page.body, ::testing::Not(HasSubstr("<script>")));
  // All that the page names is there.
  std::size_t names = 0;
  for (std::size_t at = page.body.find("/assets/"); at != std::string::npos;
       at = page.body.find("/assets/", at + 1)) {
    const std::string name = page.body.substr(at, page.body.find('"', at) - at);
    EXPECT_EQ(get(name).status, 200U) << name;
    ++names;
  }
  EXPECT_GE(names, 2U);
  EXPECT_EQ(get("/assets/none.js").status, 404U);
  EXPECT_EQ(get("/assets/../api.cpp").status, 401U);
  EXPECT_EQ(get("/assets").status, 401U);
  EXPECT_EQ(ask("GET", "/assets/../api.cpp").status, 404U);
  EXPECT_EQ(ask("POST", "/", "{}").status, 405U);
}

TEST_F(Api, GivesEachPoolANameOfItsOwn) {
  worker_pool second{test::sized(1)};
  api two{{second, pool}, options};  // by the name that the page of metrics has
  const request asked{
      .method = "GET", .target = "/api/v1/pools/test%232", .body = {}, .header = nothing};
  EXPECT_EQ(json::parse(two.handle(asked).body).at("workers").at("max"), 1);
}

TEST_F(Api, AnswersInTheFormatThatPrometheusAsksFor) {
  const answer text = ask("GET", "/metrics");
  EXPECT_EQ(text.type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(test::metrics_page_reader{text.body}["millpool_workers_max{pool=\"test\"}"], 2);
  const answer open = ask("GET", "/metrics", {}, {{"accept", "application/openmetrics-text"}});
  EXPECT_THAT(open.body, ::testing::EndsWith("# EOF\n"));
  EXPECT_THAT(open.type, HasSubstr("openmetrics-text"));
}

TEST_F(Api, SaysThatItIsNotReadyOnceItDrains) {
  EXPECT_EQ(ask("GET", "/readyz").status, 200U);
  server.set_draining();
  EXPECT_EQ(ask("GET", "/readyz").status, 503U);
  EXPECT_EQ(ask("GET", "/livez").status, 200U);
}

TEST_F(Api, SaysThatItIsNotReadyOnceAPoolIsClosed) {
  pool.close();
  EXPECT_EQ(ask("GET", "/readyz").status, 503U);
}

TEST_F(Api, PassesOnThatItIsToDrain) {
  EXPECT_EQ(ask("POST", "/api/v1/drain").status, 403U) << "this program cannot";
  int asked = 0;
  admin_options can;
  can.on_drain = [&] { ++asked; };
  api other{{pool}, can};
  EXPECT_EQ(other.handle({"POST", "/api/v1/drain", "", json_type}).status, 202U);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(other.handle({"GET", "/readyz", "", json_type}).status, 503U);
}

TEST_F(Api, TellsAScalerHowMuchWaits) {
  const test::occupation busy{pool, 2};
  for (int i = 0; i < 3; ++i) pool.post([] {});
  const json seen = json::parse(ask("GET", "/api/v1/queues/test/scale").body);
  EXPECT_EQ(seen.at("value"), 3);
  EXPECT_EQ(seen.at("running"), 2);
  EXPECT_EQ(seen.at("unfinished"), 5);
  EXPECT_EQ(ask("GET", "/api/v1/queues/none/scale").status, 404U);
}

TEST_F(Api, ListensToNoOtherSite) {
  EXPECT_EQ(ask("GET", "/api/v1/pools", {}, {{"host", "evil.example:9464"}}).status, 403U)
      << "a name that leads here since a moment ago";
  for (const char* const host : {"localhost", "LOCALHOST:1", "127.0.0.1:9464", "[::1]:9464"}) {
    EXPECT_EQ(ask("GET", "/api/v1/pools", {}, {{"host", host}}).status, 200U) << host;
  }
  const std::string pause = R"({"action":"pause"})";
  const auto post = [&](headers with) {
    return ask("POST", "/api/v1/pools/test", pause, std::move(with)).status;
  };
  EXPECT_EQ(post({{"content-type", "text/plain"}}), 415U) << "a form of any page can send that";
  EXPECT_EQ(post({{"content-type", ""}}), 415U);
  EXPECT_EQ(post({{"origin", "https://evil.example"}}), 403U);
  EXPECT_EQ(post({{"origin", "null"}}), 403U);
  EXPECT_FALSE(pool.stats().paused);
  EXPECT_EQ(post({{"origin", "http://localhost:9464"}}), 200U);
  EXPECT_EQ(post({{"content-type", "application/json ; charset=utf-8"}}), 200U);
}

TEST_F(Api, AsksForItsToken) {
  admin_options guarded;
  guarded.token = "a secret";
  api other{{pool}, guarded};
  const auto get = [&](const std::string& target, const std::string& given) {
    return other
        .handle({"GET", target, "",
                 [&](std::string_view name) -> std::string_view {
                   return name == "authorization" ? std::string_view{given} : "evil.example";
                 }})
        .status;
  };
  for (const char* const wrong : {"", "a secret", "Bearer ", "Bearer a secreT", "Bearer a secret ",
                                  "Bearer a secreta secret", "Basic a secret"}) {
    EXPECT_EQ(get("/metrics", wrong), 401U) << wrong;
    EXPECT_EQ(get("/api/v1/pools", wrong), 401U) << wrong;
    EXPECT_EQ(get("/livez", wrong), 200U) << "a kubelet has none";
  }
  EXPECT_EQ(get("/metrics", "Bearer a secret"), 200U) << "under any name";
  EXPECT_EQ(get("/metrics", "bearer a secret"), 200U);
}

TEST_F(Api, ChangesNothingWhereItMayOnlyRead) {
  admin_options reads;
  reads.read_only = true;
  api other{{pool}, reads};
  EXPECT_EQ(other.handle({"POST", "/api/v1/pools/test", R"({"action":"pause"})", json_type}).status,
            403U);
  EXPECT_FALSE(pool.stats().paused);
}

class Log : public Api {
 protected:
  json entries(api& of) {
    return json::parse(of.handle({"GET", "/api/v1/log", "", nothing}).body).at("entries");
  }
  api with(admin_log log) {
    admin_options chosen;
    chosen.log = std::move(log);
    return api{{pool}, chosen};
  }
};

TEST_F(Log, TellsWhatWasChangedByHand) {
  steer(R"({"action":"pause"})");
  steer(R"({"action":"resize","max_workers":1})");  // refused
  steer(R"({"action":"reconfigure","options":{"queue_capacity":7}})");
  const json seen = entries(server);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].at("kind"), "steered");
  EXPECT_EQ(seen[0].at("action"), "pause");
  EXPECT_EQ(seen[1].at("pool"), "test");
  EXPECT_EQ(seen[1].at("changes"), json::parse(R"([{"name":"queue_capacity","from":"1024",
                                                    "to":"7"}])"));
  EXPECT_EQ(json::parse(ask("GET", "/api/v1/pools").body).at("log_sequence"), 2);
}

TEST_F(Log, TellsWhatHooksToldAndPassesItOn) {
  const admin_log log;
  int passed_on = 0;
  pool_options chosen = test::sized(1);
  chosen.max_workers = 3;
  chosen.scaling.queue_depth_threshold = 1;
  chosen.scaling.decide = [](const scaling_inputs& seen) {
    return scaling_decision{seen.workers, seen.max_workers, "by the test", seen};
  };
  chosen.scaling.on_decision = [&](const scaling_decision&) { ++passed_on; };
  chosen.on_stuck = [&](const stuck_info&) { ++passed_on; };
  chosen.on_deadlock = [&](const deadlock_info&) { ++passed_on; };
  const pool_options watched = log.watch(chosen);
  {
    worker_pool scaled{watched};
    const test::occupation busy{scaled, 3};
  }
  stuck_info stuck{};
  stuck.pool = "test";
  stuck.task = "a task";
  stuck.age = std::chrono::seconds{3};
  stuck.stack = {"f+0x1", "main"};
  watched.on_stuck(stuck);
  watched.on_deadlock({.pool = "test", .waits = {}});
  EXPECT_GE(passed_on, 3);
  api shows = with(log);
  const json seen = entries(shows);
  ASSERT_GE(seen.size(), 3U);
  EXPECT_EQ(seen[0].at("kind"), "scaling");
  EXPECT_EQ(seen[0].at("rule"), "by the test");
  EXPECT_EQ(seen[0].at("to"), 3);
  const json& last_but_one = seen[seen.size() - 2];
  EXPECT_EQ(last_but_one.at("kind"), "stuck");
  EXPECT_EQ(last_but_one.at("age"), 3.0);
  EXPECT_EQ(last_but_one.at("stack"), json::parse(R"(["f+0x1","main"])"));
  EXPECT_EQ(seen.back().at("kind"), "deadlock");
  EXPECT_EQ(seen.back().at("number"), seen.size());
}

TEST_F(Log, KeepsWhatIsRareLongerThanScalingDecisions) {
  const admin_log log{3};
  pool_options chosen = test::sized(1);
  chosen.scaling.decide = [](const scaling_inputs&) { return scaling_decision{}; };
  const pool_options watched = log.watch(chosen);
  watched.scaling.on_decision({.from = 1, .to = 2, .rule = "r", .inputs = {}});
  log.add_change("p", "a", {});
  for (int i = 0; i < 5; ++i) {
    watched.scaling.on_decision({.from = 1, .to = 2, .rule = "r", .inputs = {}});
  }
  api shows = with(log);
  const json seen = entries(shows);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].at("kind"), "steered");
  EXPECT_EQ(seen[2].at("number"), 7);
}

TEST_F(Log, KeepsTheLastEntries) {
  const admin_log log{2};
  for (int i = 0; i < 5; ++i) log.add_change("p", std::to_string(i), {});
  api shows = with(log);
  const json seen = entries(shows);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].at("action"), "3");
  EXPECT_EQ(seen[1].at("number"), 5);
  EXPECT_EQ(log.sequence(), 5U);
}

TEST_F(Api, ShowsNamesThatAreNoUtf8) {
  const auto odd = pool.add_class({.name = "\xFF\"<b>"});
  pool.submit({.task_class = odd}, [] {}).get();
  const json seen = json::parse(ask("GET", "/api/v1/pools").body);
  EXPECT_EQ(seen.at("pools").at(0).at("classes").at(1).at("name"), "\xEF\xBF\xBD\"<b>");
}

}  // namespace
}  // namespace millpool::admin
