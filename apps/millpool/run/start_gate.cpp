#include "apps/millpool/run/start_gate.hpp"

#include "apps/support/io.hpp"

#include <algorithm>
#include <charconv>

namespace millpool::run {
namespace {

constexpr std::chrono::milliseconds look_again_at_memory{250};

[[nodiscard]] std::uint64_t memory_now() {
  const auto text = app::read_file("/proc/meminfo");
  // Unknown is no reason to wait for ever.
  return text ? available_memory(*text).value_or(UINT64_MAX) : UINT64_MAX;
}

}  // namespace

std::optional<std::uint64_t> available_memory(const std::string& meminfo) {
  constexpr std::string_view key = "MemAvailable:";
  const auto at = meminfo.find(key);
  if (at == std::string::npos) return std::nullopt;
  const auto number = meminfo.find_first_not_of(' ', at + key.size());
  if (number == std::string::npos) return std::nullopt;
  std::uint64_t kib = 0;
  const auto parsed =
      std::from_chars(meminfo.data() + number, meminfo.data() + meminfo.size(), kib);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return kib * 1024;
}

bool start_gate::pass() {
  if (delay_ > duration::zero() && !stop_.sleep_until(take_turn())) return false;
  while (memfree_ > 0 && memory_now() < memfree_) {
    if (!stop_.sleep_until(steady().now() + look_again_at_memory)) return false;
  }
  return !stop_.stopping();
}

time_point start_gate::take_turn() {
  const std::lock_guard lock{mutex_};
  const time_point turn = std::max(next_, steady().now());
  next_ = turn + delay_;
  return turn;
}

}  // namespace millpool::run
