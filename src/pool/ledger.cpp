#include "millpool/pool/ledger.hpp"

#include "millpool/base/assert.hpp"

#include <ostream>

namespace millpool {

std::uint64_t& ledger::of(task_state state) noexcept {
  switch (state) {
    case task_state::succeeded:
      return succeeded;
    case task_state::failed:
      return failed;
    case task_state::cancelled:
      return cancelled;
    case task_state::expired:
      return expired;
    case task_state::discarded:
      return discarded;
    case task_state::abandoned:
      return abandoned;
  }
  MILLPOOL_ASSERT(false, "a task state that is none");
  return abandoned;
}

std::ostream& operator<<(std::ostream& out, const ledger& tasks) {
  return out << "accepted " << tasks.accepted << " = succeeded " << tasks.succeeded << " + failed "
             << tasks.failed << " + cancelled " << tasks.cancelled << " + expired " << tasks.expired
             << " + discarded " << tasks.discarded << " + abandoned " << tasks.abandoned
             << " + inside " << tasks.inside();
}

}  // namespace millpool
