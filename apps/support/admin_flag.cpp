#include "apps/support/admin_flag.hpp"

#include "apps/support/io.hpp"

#if defined(MILLPOOL_WITH_ADMIN)
#include "millpool/admin_server.hpp"

#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace millpool::app {

void add_admin_flag(flags& to, std::string& address) {
  to.group("Operating");
  to.value(
      "--admin", "HOST:PORT",
      [&address](const std::string& given) -> wrong {
        try {
          (void)parse_admin_address(given);
        } catch (const std::invalid_argument& refusal) {
          return refusal.what();
        }
        address = given;
        return std::nullopt;
      },
      "Show the pool over HTTP: /metrics, /api/v1/pools (port 0: any)");
}

struct admin_session::body {
  explicit body(admin_options options) : server{std::move(options)} {}
  admin_server server;
};

admin_session::admin_session(const std::string& address, std::string_view program,
                             std::size_t most_workers) {
  if (address.empty()) return;
  admin_options options = parse_admin_address(address);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  if (const char* const token = std::getenv("MILLPOOL_ADMIN_TOKEN")) options.token = token;
  if (options.token.empty() && !is_loopback(options)) {
    throw std::invalid_argument{"--admin " + address +
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
  // Once: another signal would end what runs.
  options.on_drain = [asked = false]() mutable {
    if (!std::exchange(asked, true)) ::kill(::getpid(), SIGTERM);
  };
  body_ = std::make_unique<body>(std::move(options));
  complain(program, "admin server at " + body_->server.url());
}

void admin_session::set_draining() noexcept {
  if (body_) body_->server.set_draining();
}

}  // namespace millpool::app

#else

namespace millpool::app {

void add_admin_flag(flags& /*to*/, std::string& /*address*/) {}
struct admin_session::body {};
admin_session::admin_session(const std::string& /*address*/, std::string_view /*program*/,
                             std::size_t /*most_workers*/) {}
void admin_session::set_draining() noexcept {}

}  // namespace millpool::app

#endif

namespace millpool::app {

admin_session::~admin_session() = default;

}  // namespace millpool::app
