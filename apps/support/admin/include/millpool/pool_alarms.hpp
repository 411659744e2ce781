// When people are to be told that a pool is in trouble. Link millpool::admin.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/pool/pool_stats.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millpool {

/// What an alarm is about, as DynamicTp has it.
enum class alarm_item : std::uint8_t {
  change,         ///< its numbers of workers or its capacity were changed
  liveness,       ///< workers in a task, over the most there may be
  capacity,       ///< tasks that wait, over the places
  reject,         ///< submissions that were refused, but for those after close()
  run_timeout,    ///< tasks that ran for longer than alarm_rule::longer_than
  queue_timeout,  ///< tasks that waited for longer than that; and when one begins to
  breaker,        ///< a circuit breaker has opened
  stuck,          ///< tasks that were found stuck
};
inline constexpr std::size_t alarm_item_count = 8;
[[nodiscard]] std::string_view to_string(alarm_item item) noexcept;

struct alarm_rule {
  alarm_item item = alarm_item::capacity;
  /// Of liveness and capacity: from this part on, above 0 to 1.
  double threshold = 0.8;
  /// Of run_timeout and queue_timeout: above 0. As fine as the histograms are, a quarter.
  duration longer_than = std::chrono::seconds{1};
  /// It rings when this was so, or happened, so many times within `period`: at least 1.
  std::uint64_t count = 1;
  duration period = std::chrono::seconds{120};   ///< above 0
  duration silence = std::chrono::seconds{120};  ///< it does not ring again for so long
};

/// One that rings.
struct pool_alarm {
  std::string pool;
  alarm_item item;
  std::uint64_t times;  ///< within the rule's period
  alarm_rule rule;
  std::uint64_t silent;  ///< times that it would have rung since it last did
  std::string text;      ///< one sentence
};

/// Looks at pools again and again, and says what rings.
///
/// Levels (liveness, capacity) count once for each look at which they are reached; so the looks are
/// to be regular. Events count each.
/// Thread safety  none.
/// Complexity     O(rules + breakers + buckets) a look; it remembers what happened within the
///                longest period, as sums of whole looks.
class alarm_watch {
 public:
  /// \throws std::invalid_argument that names the rule, the option and its value.
  explicit alarm_watch(std::vector<alarm_rule> rules);

  /// \param  now  by any clock, never earlier than before.
  /// \return what rings.
  [[nodiscard]] std::vector<pool_alarm> look(const pool_stats& pool, time_point now);

  /// The pool is gone: nothing of it is remembered.
  void forget(const std::string& pool) { pools_.erase(pool); }

 private:
  struct happened {
    time_point when;
    std::uint64_t times;
  };
  struct state {
    std::deque<happened> within;  // the period
    std::uint64_t sum = 0;        // of these
    time_point silent_until = time_point::min();
    std::uint64_t silent = 0;
  };
  struct memory {
    pool_stats last;
    std::vector<state> of_rules;  // as rules_
  };

  [[nodiscard]] static std::uint64_t times_of(const alarm_rule& rule, const pool_stats& last,
                                              const pool_stats& now);

  std::vector<alarm_rule> rules_;
  std::map<std::string, memory, std::less<>> pools_;
};

/// The text of an HTTP request that tells somebody, as JSON.
enum class alarm_format : std::uint8_t {
  plain,     ///< {"pool": …, "item": …, "times": …, "text": …}: for a webhook of your own
  feishu,    ///< 飞书, a custom bot
  dingtalk,  ///< 钉钉, a custom bot
  wecom,     ///< 企业微信, a group bot
};
[[nodiscard]] std::string body_of(const pool_alarm& alarm, alarm_format format);

}  // namespace millpool
