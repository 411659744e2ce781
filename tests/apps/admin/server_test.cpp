// The admin server on its socket: strict with what comes, gone when it is told to go.
#include "millpool/admin_server.hpp"
#include "tests/apps/admin/http_client.hpp"
#include "tests/support/pool_fixture.hpp"
#include "tests/support/run_together.hpp"
#include "tests/support/scaled.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace millpool {
namespace {

using namespace std::chrono_literals;
using test::http_client;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AdminServer : public ::testing::Test {
 protected:
  [[nodiscard]] std::string ask(const std::string& what, const std::string& more = {}) const {
    return http_client{server->port()}.ask(what, more);
  }
  void restart(admin_options options) {
    server.reset();
    server = std::make_unique<admin_server>(std::vector{std::ref(pool)}, std::move(options));
  }

  worker_pool pool{test::sized(2)};
  std::unique_ptr<admin_server> server =
      std::make_unique<admin_server>(std::vector{std::ref(pool)}, admin_options{});
};

TEST_F(AdminServer, AnswersOnAConnectionThatStays) {
  http_client client{server->port()};
  for (int i = 0; i < 3; ++i) {
    client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.read_until("ok\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  // Two at once: the answers come in their order.
  client.send(
      "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_until("ok\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(AdminServer, ShowsThePageOfMetrics) {
  const std::string page = ask("GET /metrics");
  EXPECT_THAT(page, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(page, HasSubstr("\nmillpool_workers_max{pool=\"test\"} 2\n"));
  const std::string head = ask("HEAD /metrics");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n")) << "no body";
}

TEST_F(AdminServer, SteersAPool) {
  const std::string body = R"({"action":"resize","min_workers":1,"max_workers":3})";
  const std::string done =
      ask("POST /api/v1/pools/test", "Content-Type: application/json\r\nContent-Length: " +
                                         std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(done, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(pool.stats().max_workers, 3U);
}

TEST_F(AdminServer, RefusesWhatIsTooLong) {
  EXPECT_THAT(ask("GET /" + std::string(9000, 'a')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask("GET /livez", "X: " + std::string(9000, 'a') + "\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask("POST /api/v1/pools/test", "Content-Length: 65537\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminServer, RefusesWhatIsNoHttp) {
  for (const char* const noise :
       {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    http_client client{server->port()};
    client.send(noise);
    const std::string said = client.read_all();
    EXPECT_TRUE(said.empty() || said.starts_with("HTTP/1.1 400 ")) << noise << said;
  }
  EXPECT_THAT(ask("GET /livez"), HasSubstr("200 OK")) << "and goes on";
}

TEST_F(AdminServer, WaitsForNobodyForLong) {
  restart({.timeout = 50ms});
  http_client silent{server->port()};
  http_client slow{server->port()};
  slow.send("GET /livez HTTP/1.1\r\nHost: loc");
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(slow.read_all(), "");
}

TEST_F(AdminServer, HasSoManyConnectionsAtOnce) {
  restart({.max_connections = 2});
  http_client first{server->port()};
  http_client second{server->port()};
  for (auto* const each : {&first, &second}) {
    each->send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(each->read_until("ok\n"), HasSubstr("200 OK"));
  }
  EXPECT_EQ(ask("GET /livez"), "");
  first = http_client{server->port()};  // the old one goes
  std::string said;
  while (said.empty()) said = ask("GET /livez");
  EXPECT_THAT(said, HasSubstr("200 OK"));
}

TEST_F(AdminServer, SendsEventsUntilItsClientGoes) {
  restart({.event_interval = 1ms});
  http_client client{server->port()};
  client.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Type: text/event-stream\r\n"));
  for (int i = 0; i < 3; ++i) {
    const std::string event = client.read_until("\n\n");
    EXPECT_THAT(
        event,
        StartsWith("data: {\"draining\":false,\"log_sequence\":0,\"pools\":[{\"name\":\"test\""));
  }
  EXPECT_THAT(ask("GET /livez"), HasSubstr("200 OK")) << "others are served meanwhile";
  server.reset();
  (void)client.read_all();  // it ends
}

TEST_F(AdminServer, GoesWhileClientsAreThere) {
  http_client idle{server->port()};
  http_client asks{server->port()};
  asks.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /met");
  const std::uint16_t port = server->port();
  server.reset();
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(http_client{port}.connected());
}

TEST_F(AdminServer, SaysThatItDrains) {
  EXPECT_THAT(ask("GET /readyz"), HasSubstr("200 OK"));
  server->set_draining();
  EXPECT_THAT(ask("GET /readyz"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(AdminServer, RefusesOptionsThatCannotBe) {
  const auto refusal_of = [&](admin_options options) -> std::string {
    try {
      const admin_server refused{{pool}, std::move(options)};
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "it was taken";
  };
  EXPECT_THAT(refusal_of({.host = "0.0.0.0"}),
              HasSubstr("admin_options.token: must be set, since host (0.0.0.0)"));
  EXPECT_THAT(refusal_of({.host = "::"}), HasSubstr("admin_options.token: must be set"));
  EXPECT_THAT(refusal_of({.host = "example.org"}), HasSubstr("'example.org' is no address"));
  EXPECT_THAT(refusal_of({.max_connections = 0}), HasSubstr("max_connections: must be at least 1"));
  EXPECT_THAT(refusal_of({.timeout = 0ns}), HasSubstr("timeout: must be at least 1000000 ns"));
  EXPECT_THAT(refusal_of({.event_interval = 1ns}), HasSubstr("event_interval: must be at least"));
  EXPECT_THAT(refusal_of({.host = "::1"}), HasSubstr("it was taken"));
  EXPECT_THAT(refusal_of({.host = "0.0.0.0", .token = "t"}), HasSubstr("it was taken"));
}

TEST_F(AdminServer, SaysThatItsPortIsTaken) {
  try {
    const admin_server second{{pool}, {.port = server->port()}};
    ADD_FAILURE() << "two have it";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_THAT(error.what(), HasSubstr("cannot have 127.0.0.1:"));
  }
}

TEST(AdminAddress, IsHostAndPort) {
  const auto is = [](const std::string& text, const std::string& host, unsigned port) {
    const admin_options options = parse_admin_address(text);
    EXPECT_EQ(options.host, host) << text;
    EXPECT_EQ(options.port, port) << text;
  };
  is("9464", "127.0.0.1", 9464);
  is(":9464", "127.0.0.1", 9464);
  is("localhost:0", "localhost", 0);
  is("0.0.0.0:65535", "0.0.0.0", 65535);
  is("[::1]:80", "::1", 80);
  for (const char* const wrong : {"", ":", "x", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", ":-1",
                                  ":1x", "::1:80", "host:1", "[::1:80", "1.2.3:4:5"}) {
    EXPECT_THROW((void)parse_admin_address(wrong), std::invalid_argument) << wrong;
  }
}

TEST_F(AdminServer, Stress_ServesManyWhileThePoolWorks) {
  test::run_together(4, [&](int who) {
    for (int i = 0; i < test::scaled(200); ++i) {
      if (who == 0) {
        for (int j = 0; j < 50; ++j) pool.post([] {});
        const std::size_t workers = 1 + static_cast<std::size_t>(i) % 3;
        pool.resize(workers, workers);
      } else {
        const std::string said = ask(i % 2 == 0 ? "GET /metrics" : "GET /api/v1/pools");
        EXPECT_THAT(said, StartsWith("HTTP/1.1 200 OK\r\n"));
      }
    }
  });
}

}  // namespace
}  // namespace millpool
