#include "apps/millpool/run/stop_state.hpp"

#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace millpool::run {

stop_state::stop_state() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

bool stop_state::request(stop_level level) {
  {
    const std::lock_guard lock{mutex_};
    if (level_.load(std::memory_order_relaxed) >= level)
      return false;  // relaxed: written under mutex_
    // release: whoever sees the level sees why, which was written before.
    level_.store(level, std::memory_order_release);
  }
  moved_.notify_all();
  wake();
  return true;
}

bool stop_state::sleep_until(time_point deadline) {
  std::unique_lock lock{mutex_};
  moved_.wait_until(lock, deadline, [this] { return stopping(); });
  return !stopping();
}

void stop_state::wake() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

void stop_state::clear_wake() noexcept {
  std::uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof count));
}

}  // namespace millpool::run
