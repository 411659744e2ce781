#include "millpool/channel/queue_status.hpp"

namespace millpool {

std::string_view to_string(queue_status status) noexcept {
  switch (status) {
    case queue_status::success:
      return "success";
    case queue_status::empty:
      return "empty";
    case queue_status::full:
      return "full";
    case queue_status::closed:
      return "closed";
    case queue_status::timeout:
      return "timeout";
  }
  return "unknown";
}

}  // namespace millpool
