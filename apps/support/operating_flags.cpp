#include "apps/support/operating_flags.hpp"

#include "apps/support/io.hpp"

#include <cstdlib>

#if defined(MILLPOOL_WITH_ADMIN)
#include "millpool/admin_log.hpp"
#include "millpool/admin_server.hpp"
#include "millpool/alarm_service.hpp"

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <unistd.h>

namespace millpool::app {
namespace {

// The alarms as the file says, or none yet: with --admin they may be set over HTTP.
std::unique_ptr<alarm_service> alarms_of(const operating_settings& settings, const admin_log& log) {
  auto made = std::make_unique<alarm_service>(alarm_options{}, log);
  if (!settings.alarms.empty()) made->watch_file(settings.alarms);
  return made;
}

}  // namespace

void add_operating_flags(flags& to, operating_settings& settings) {
  to.group("Operating");
  to.value(
      "--admin", "HOST:PORT",
      [&settings](const std::string& given) -> wrong {
        try {
          (void)parse_admin_address(given);
        } catch (const std::invalid_argument& refusal) {
          return refusal.what();
        }
        settings.admin = given;
        return std::nullopt;
      },
      "Show the pool over HTTP: a page, /metrics, /api/v1/pools (port 0: any)");
  to.value(
      "--alarms", "FILE",
      [&settings](const std::string& given) -> wrong {
        settings.alarms = given;
        return std::nullopt;
      },
      "Tell people when the pool is in trouble, as FILE says; read again when it changes");
}

struct admin_session::body {
  explicit body(const operating_settings& settings) : alarms{alarms_of(settings, log)} {}
  std::atomic<bool> ending{false};
  admin_log log{};
  std::unique_ptr<alarm_service> alarms;
  std::optional<admin_server> server{};
};

admin_session::admin_session(const operating_settings& settings, std::string_view program,
                             std::size_t most_workers) {
  if (settings.admin.empty() && settings.alarms.empty()) return;
  body_ = std::make_unique<body>(settings);
  if (settings.admin.empty()) return;
  admin_options options = parse_admin_address(settings.admin);
  options.token = admin_token();
  if (options.token.empty() && !is_loopback(options)) {
    throw std::invalid_argument{"--admin " + settings.admin +
                                ": MILLPOOL_ADMIN_TOKEN must be set, since other machines can "
                                "reach that address"};
  }
  options.changeable = {"min_workers", "max_workers"};
  options.check = [most_workers](const pool_options& wanted) {
    if (most_workers == 0 || wanted.max_workers.value_or(0) <= most_workers) return;
    throw std::invalid_argument{"max_workers (" + std::to_string(*wanted.max_workers) +
                                ") must not exceed what the program was started with (" +
                                std::to_string(most_workers) + ")"};
  };
  // Only where none has come yet: another signal would end what runs.
  options.on_drain = [&ending = body_->ending] {
    if (!ending.exchange(true)) ::kill(::getpid(), SIGTERM);
  };
  options.log = body_->log;
  options.alarms = body_->alarms.get();
  body_->server.emplace(options);
  complain(program, "admin server at " + body_->server->url());
}

void admin_session::set_draining() noexcept {
  if (!body_) return;
  body_->ending = true;
  if (body_->server) body_->server->set_draining();
}

}  // namespace millpool::app

#else

namespace millpool::app {

void add_operating_flags(flags& /*to*/, operating_settings& /*settings*/) {}
struct admin_session::body {};
admin_session::admin_session(const operating_settings& /*settings*/, std::string_view /*program*/,
                             std::size_t /*most_workers*/) {}
void admin_session::set_draining() noexcept {}

}  // namespace millpool::app

#endif

namespace millpool::app {

std::string admin_token() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const char* const set = std::getenv("MILLPOOL_ADMIN_TOKEN");
  std::string token{set != nullptr ? set : ""};
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.pop_back();
  return token;
}

admin_session::~admin_session() = default;

}  // namespace millpool::app
