#include "millpool/pool/deadlock.hpp"

#include <ostream>
#include <string_view>

namespace millpool {
namespace {

struct of_class {
  const std::string& name;
};
std::ostream& operator<<(std::ostream& out, const of_class& it) {
  return it.name.empty() ? out : out << " of class '" << it.name << '\'';
}

std::string_view thread_called(const std::string& name) {
  return name.empty() ? std::string_view{"a submitter's thread"} : std::string_view{name};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const deadlock_info& info) {
  out << "millpool: pool '" << info.pool << "': these waits could never end:\n";
  for (const deadlock_wait& each : info.waits) {
    out << "  " << thread_called(each.worker) << ", in a task" << of_class{each.task_class}
        << ", waits for a task" << of_class{each.awaited_class};
    switch (each.why) {
      case deadlock_wait::cause::runs:
        out << " that runs on " << thread_called(each.on);
        break;
      case deadlock_wait::cause::wants_key:
        out << " whose serial key is held on " << thread_called(each.on);
        break;
      case deadlock_wait::cause::wants_worker:
        out << " that no worker is left for";
        break;
    }
    out << (each.given_up ? ": given up\n" : "\n");
  }
  return out;
}

}  // namespace millpool
