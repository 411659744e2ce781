#include "apps/millpool/run/halt.hpp"

#include "apps/support/units.hpp"

namespace millpool::run {
namespace {

constexpr std::uint64_t too_few_for_a_percentage = 3;

[[nodiscard]] std::optional<halt_policy::event> event_named(std::string_view name) {
  if (name == "fail") return halt_policy::event::fail;
  if (name == "success") return halt_policy::event::success;
  if (name == "done") return halt_policy::event::done;
  return std::nullopt;
}

}  // namespace

std::expected<halt_policy, std::string> parse_halt(std::string_view text) {
  using enum halt_policy::when;
  const auto wrong =
      std::unexpected("'" + std::string(text) +
                      "' is no halt: expected never, or now|soon,fail|success|done=N or =P%");
  halt_policy policy;
  if (text == "never" || text == "0") return policy;
  if (text == "1" || text == "2") {
    policy.stop = text == "1" ? soon : now;
    policy.count = 1;
    return policy;
  }
  const auto comma = text.find(',');
  const auto equals = text.find('=');
  if (comma == std::string_view::npos || equals == std::string_view::npos || equals < comma)
    return wrong;
  const std::string_view when = text.substr(0, comma);
  const auto event = event_named(text.substr(comma + 1, equals - comma - 1));
  std::string_view limit = text.substr(equals + 1);
  if ((when != "now" && when != "soon") || !event) return wrong;
  policy.stop = when == "now" ? now : soon;
  policy.counted = *event;
  if (limit.ends_with('%')) {
    limit.remove_suffix(1);
    const auto percent = app::parse_decimal(limit);
    if (!percent || *percent <= 0 || *percent > 100) return wrong;
    policy.percent = *percent;
  } else {
    const auto count = app::parse_count(limit);
    if (!count || *count == 0) return wrong;
    policy.count = *count;
  }
  return policy;
}

halt_policy::when halt_monitor::count(bool succeeded, std::optional<std::uint64_t> total) {
  ++(succeeded ? succeeded_ : failed_);
  if (policy_.stop == halt_policy::when::never || halted_) return halt_policy::when::never;

  const std::uint64_t done = succeeded_ + failed_;
  std::uint64_t events = done;
  if (policy_.counted == halt_policy::event::fail) events = failed_;
  if (policy_.counted == halt_policy::event::success) events = succeeded_;

  if (policy_.percent > 0) {
    if (!total && done < too_few_for_a_percentage) return halt_policy::when::never;
    const auto of = static_cast<double>(total.value_or(done));
    halted_ = static_cast<double>(events) * 100.0 >= policy_.percent * of;
  } else {
    halted_ = events >= policy_.count;
  }
  // An event of the other kind cannot be the one that meets the policy.
  const bool counts = policy_.counted == halt_policy::event::done ||
                      succeeded == (policy_.counted == halt_policy::event::success);
  halted_ = halted_ && counts;
  return halted_ ? policy_.stop : halt_policy::when::never;
}

}  // namespace millpool::run
