#pragma once

#include "apps/support/flags.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace millpool::app {

/// What the flags below say; empty where nothing was said.
struct operating_settings {
  std::string admin{};   ///< HOST:PORT
  std::string alarms{};  ///< a file
};

/// Adds --admin HOST:PORT, and --alarms FILE. A build without Boost has no admin server, and no
/// such flags.
void add_operating_flags(flags& to, operating_settings& settings);

/// The environment's MILLPOOL_ADMIN_TOKEN, less the line end that one from a file may have; empty:
/// there is none.
[[nodiscard]] std::string admin_token();

/// The server that --admin asks for, and the alarms of --alarms, for all pools of the process, as
/// long as this lives. Where the server is stands on standard error; its token is admin_token(). To
/// be asked to drain the process is to get a SIGTERM, unless it is ending already.
class admin_session {
 public:
  /// \param   most_workers  that the program has room for, whatever is asked for; 0: any number.
  /// \throws  std::invalid_argument, std::system_error.
  admin_session(const operating_settings& settings, std::string_view program,
                std::size_t most_workers = 0);
  ~admin_session();
  admin_session(const admin_session&) = delete;
  admin_session& operator=(const admin_session&) = delete;

  /// From here on /readyz says that the process is ending.
  void set_draining() noexcept;

 private:
  struct body;
  std::unique_ptr<body> body_;
};

}  // namespace millpool::app
