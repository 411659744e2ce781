#include "millpool/sync/thread_host.hpp"

#include <utility>

namespace millpool {
namespace {

thread_local thread_host* host_of_this_thread = nullptr;

}  // namespace

thread_host* this_thread_host() noexcept { return host_of_this_thread; }

thread_host* install_thread_host(thread_host* host) noexcept {
  return std::exchange(host_of_this_thread, host);
}

}  // namespace millpool
