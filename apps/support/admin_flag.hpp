#pragma once

#include "apps/support/flags.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace millpool::app {

/// Adds --admin HOST:PORT. A build without Boost has no admin server, and no such flag.
/// \param  address  what was given; stays empty where nothing was.
void add_admin_flag(flags& to, std::string& address);

/// The server that --admin asks for, for all pools of the process, as long as this lives. Where it
/// is stands on standard error. Its token is the environment's MILLPOOL_ADMIN_TOKEN. Who asks it to
/// drain the process sends a SIGTERM, the first time.
class admin_session {
 public:
  /// \param   address       empty: there is none.
  /// \param   most_workers  that the program has room for, whatever is asked for; 0: any number.
  /// \throws  std::invalid_argument, std::system_error.
  admin_session(const std::string& address, std::string_view program, std::size_t most_workers = 0);
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
