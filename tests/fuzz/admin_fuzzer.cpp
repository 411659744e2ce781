// A request to the admin server, and what it may bring: alarms' options, a pool's options.
#include "apps/support/admin/api.hpp"
#include "millpool/telemetry/exposition.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

// "method target\nbody": to a pool that nobody uses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millpool;
  const std::string text{reinterpret_cast<const char*>(data), size};
  static worker_pool pool{{.name = "p", .min_workers = 0, .max_workers = 1}};
  pool.shutdown();  // whatever it is asked for, it starts no thread
  static alarm_service alarms{{.interval = std::chrono::hours{1}}};
  static admin::api server{{pool}, [] {
                             admin_options options;
                             options.alarms = &alarms;
                             return options;
                           }()};
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::size_t space = std::min(text.find(' '), line);
  const admin::request asked{.method = text.substr(0, space),
                             .target = text.substr(std::min(space + 1, line), line - space),
                             .body = line < text.size() ? text.substr(line + 1) : "",
                             .header = [&](std::string_view name) -> std::string_view {
                               return name == "content-type" ? "application/json" : "";
                             }};
  const admin::answer given = server.handle(asked);
  if (given.status < 200 || given.status > 503) std::abort();
  (void)choose_metrics_format(text);
  try {
    const alarm_options options = parse_alarm_options(text);
    const alarm_options again = parse_alarm_options(to_json(options, true));
    if (again.rules.size() != options.rules.size() || again.sinks != options.sinks) std::abort();
  } catch (const std::invalid_argument&) {  // NOLINT(bugprone-empty-catch): as it should be
  }
  return 0;
}
