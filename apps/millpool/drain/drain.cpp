// Asks a process to end in order, by its admin server, and waits until it has: for a preStop hook.
#include "apps/millpool/drain/drain.hpp"

#include "apps/support/admin/http_client.hpp"
#include "apps/support/flags.hpp"
#include "apps/support/io.hpp"
#include "apps/support/operating_flags.hpp"
#include "apps/support/units.hpp"
#include "millpool/admin_server.hpp"
#include "millpool/base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace millpool::drain {
namespace {

using namespace std::chrono_literals;

constexpr const char* usage = "millpool drain --admin HOST:PORT [--timeout TIME]";

constexpr const char* epilogue =
    "POST /api/v1/drain: /readyz says 503 from then on, nothing new is begun, what runs may end.\n"
    "Needs the token that the process was started with, in MILLPOOL_ADMIN_TOKEN.\n"
    "\nExit status: 0 it has ended; 1 it has not, in that time; 2 it could not be asked.\n"
    "Guide: docs/guide/metrics.md\n";

struct drain_options {
  std::string url{};
  duration timeout = 30s;
  std::string timeout_text = "30s";
};

int refuse(const std::string& why) {
  app::complain("millpool drain", why);
  return 2;
}

void add_flags(app::flags& flags, drain_options& out) {
  flags.value(
      "--admin", "HOST:PORT",
      [&out](const std::string& given) -> app::wrong {
        try {
          const admin_options at = parse_admin_address(given);
          if (at.port == 0) return "there is no port 0";
          out.url = url_of(at);
        } catch (const std::invalid_argument& refusal) {
          return refusal.what();
        }
        return std::nullopt;
      },
      "Its admin server");
  flags.value(
      "--timeout", "TIME",
      [&out](const std::string& given) {
        out.timeout_text = given;
        return app::put(app::parse_duration(given), out.timeout);
      },
      "Wait so long at most (30s); 0: not at all");
}

// Whether it has ended in that time: nobody listens there any more. One that is slow has not.
bool has_ended_by(time_point deadline, const std::string& url) {
  for (;;) {
    const duration left = deadline - steady().now();
    if (left <= 0s) return false;
    const auto answer = admin::http_send(
        {.url = url + "/livez", .timeout = std::min<duration>(left, 1s), .direct = true});
    if (answer.failure == admin::http_failure::refused) return true;
    std::this_thread::sleep_for(std::min<duration>(left, 50ms));
  }
}

int drain(const drain_options& options) {
  const time_point deadline = deadline_after(steady().now(), options.timeout);
  admin::http_request asks{
      .url = options.url + "/api/v1/drain", .body = "{}", .headers = {}, .direct = true};
  if (const std::string token = app::admin_token(); !token.empty()) {
    asks.headers.push_back("Authorization: Bearer " + token);
  }
  if (options.timeout > 0s) asks.timeout = std::min(asks.timeout, options.timeout);
  const auto answer = admin::http_send(asks);
  if (answer.failure != admin::http_failure::none) {
    return refuse(options.url + ": " + answer.wrong);
  }
  if (answer.status == 401) {
    return refuse(options.url + ": it needs another MILLPOOL_ADMIN_TOKEN than this has");
  }
  if (answer.status != 202) {
    return refuse(options.url + ": the answer is " + std::to_string(answer.status) + " " +
                  answer.body.substr(0, answer.body.find('\n')));
  }
  if (options.timeout == 0s || has_ended_by(deadline, options.url)) return 0;
  app::complain("millpool drain", options.url + ": has not ended within " + options.timeout_text);
  return 1;
}

}  // namespace

int main(int argc, char** argv) try {
  drain_options options;
  app::flags flags{"millpool drain", "Asks a process to end in order, and waits until it has.",
                   usage};
  add_flags(flags, options);
  flags.epilogue(epilogue);
  const auto parsed = flags.parse(argc, argv);
  if (parsed.exit) return app::end_at_once("millpool drain", *parsed.exit, parsed.text);
  if (!parsed.rest.empty()) return refuse("unexpected '" + parsed.rest.front() + "'");
  if (options.url.empty()) return refuse("--admin HOST:PORT is needed (--help says more)");
  return drain(options);
} catch (const std::exception& error) {
  return refuse(error.what());
}

}  // namespace millpool::drain
