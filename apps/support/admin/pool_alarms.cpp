#include "millpool/pool_alarms.hpp"

#include "apps/support/admin/pool_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace millpool {
namespace {

using json = nlohmann::ordered_json;
using seconds = std::chrono::duration<double>;

std::string number(double of) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", of);
  return text.data();
}

bool is_level(alarm_item item) noexcept {
  return item == alarm_item::liveness || item == alarm_item::capacity;
}

bool is_time(alarm_item item) noexcept {
  return item == alarm_item::run_timeout || item == alarm_item::queue_timeout;
}

void check(const alarm_rule& rule) {
  const auto require = [&](bool holds, const std::string& what) {
    if (holds) return;
    throw std::invalid_argument{"alarm_rule " + std::string{to_string(rule.item)} + ": " + what};
  };
  require(!is_level(rule.item) || (rule.threshold > 0.0 && rule.threshold <= 1.0),
          "threshold must be above 0 and at most 1, is " + number(rule.threshold));
  require(!is_time(rule.item) || rule.longer_than > duration::zero(),
          "longer_than must be above 0, is " + std::to_string(rule.longer_than.count()) + " ns");
  require(rule.count >= 1, "count must be at least 1, is 0");
  require(rule.period > duration::zero(),
          "period must be above 0, is " + std::to_string(rule.period.count()) + " ns");
  require(rule.silence >= duration::zero(),
          "silence must not be below 0, is " + std::to_string(rule.silence.count()) + " ns");
}

double part(std::size_t of, std::size_t all) noexcept {
  return static_cast<double>(of) / static_cast<double>(std::max<std::size_t>(all, 1));
}

double level(alarm_item item, const pool_stats& of) noexcept {
  if (item == alarm_item::capacity) return part(of.tasks.waiting, of.queue_capacity);
  return part(of.workers.running + of.workers.blocked, of.max_workers);
}

// What only grows; less than before: it is another pool of that name, which began anew.
std::uint64_t grown(std::uint64_t from, std::uint64_t to) noexcept {
  return to - std::min(from, to);
}

std::uint64_t refused(const pool_stats& of) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < submit_errc_count; ++i) {
    if (static_cast<submit_errc>(i) != submit_errc::closed) sum += of.refused[i];
  }
  return sum;
}

std::uint64_t longer_than(duration limit, const histogram_snapshot& of) noexcept {
  std::uint64_t sum = 0;
  const auto ns = static_cast<std::uint64_t>(limit.count());
  for (std::size_t i = histogram_layout::bucket_of(ns) + 1; i < histogram_layout::buckets; ++i) {
    sum += of.in_bucket(i);
  }
  return sum;
}

std::uint64_t times_opened(const pool_stats& of) {
  std::uint64_t sum = 0;
  for (const breaker_view& each : of.breakers) {
    for (const auto& entry : each.seen.entered) {
      if (entry.state == "open" || entry.state == "forced_open") sum += entry.times;
    }
  }
  return sum;
}

std::string sentence(const alarm_rule& rule, std::uint64_t times, const pool_stats& last,
                     const pool_stats& now) {
  const std::string within = " within " + number(seconds{rule.period}.count()) + " s";
  const std::string limit = number(seconds{rule.longer_than}.count()) + " s";
  const std::string percent = number(100.0 * level(rule.item, now)) + " %";
  switch (rule.item) {
    case alarm_item::change:
      return "workers " + std::to_string(last.min_workers) + " to " +
             std::to_string(last.max_workers) + " became " + std::to_string(now.min_workers) +
             " to " + std::to_string(now.max_workers) + ", capacity " +
             std::to_string(last.queue_capacity) + " became " + std::to_string(now.queue_capacity);
    case alarm_item::liveness:
      return percent + " of the workers are in a task";
    case alarm_item::capacity:
      return percent + " of the queue is taken: " + std::to_string(now.tasks.waiting) +
             " tasks wait";
    case alarm_item::reject:
      return std::to_string(times) + " submissions were refused" + within;
    case alarm_item::run_timeout:
      return std::to_string(times) + " tasks ran for longer than " + limit + within;
    case alarm_item::queue_timeout:
      return std::to_string(times) + " tasks waited for longer than " + limit + within;
    case alarm_item::breaker:
      return "a circuit breaker opened " + std::to_string(times) + " times" + within;
    case alarm_item::stuck:
      return std::to_string(times) + " tasks were found stuck" + within + ", " +
             std::to_string(now.stuck) + " are so now";
  }
  return {};
}

}  // namespace

std::string_view to_string(alarm_item item) noexcept {
  static constexpr std::array<std::string_view, alarm_item_count> names{
      "change",      "liveness",      "capacity", "reject",
      "run_timeout", "queue_timeout", "breaker",  "stuck"};
  return names[static_cast<std::size_t>(item)];
}

alarm_watch::alarm_watch(std::vector<alarm_rule> rules) : rules_{std::move(rules)} {
  for (const alarm_rule& each : rules_) check(each);
}

std::uint64_t alarm_watch::times_of(const alarm_rule& rule, const pool_stats& last,
                                    const pool_stats& now) {
  switch (rule.item) {
    case alarm_item::change:
      return last.min_workers != now.min_workers || last.max_workers != now.max_workers ||
                     last.queue_capacity != now.queue_capacity
                 ? 1
                 : 0;
    case alarm_item::liveness:
    case alarm_item::capacity:
      return level(rule.item, now) >= rule.threshold ? 1 : 0;
    case alarm_item::reject:
      return grown(refused(last), refused(now));
    case alarm_item::run_timeout:
      return grown(longer_than(rule.longer_than, last.run), longer_than(rule.longer_than, now.run));
    case alarm_item::queue_timeout: {
      const bool is_new = last.oldest_waiting <= rule.longer_than;
      const std::uint64_t still = is_new && now.oldest_waiting > rule.longer_than ? 1 : 0;
      return still + grown(longer_than(rule.longer_than, last.wait),
                           longer_than(rule.longer_than, now.wait));
    }
    case alarm_item::breaker:
      return grown(times_opened(last), times_opened(now));
    case alarm_item::stuck:
      return grown(last.stuck_total, now.stuck_total);
  }
  return 0;
}

std::vector<pool_alarm> alarm_watch::look(const pool_stats& pool, time_point now) {
  std::vector<pool_alarm> ring;
  const auto [found, is_new] = pools_.try_emplace(pool.name);
  memory& of = found->second;
  if (is_new) {
    of.last = pool;
    of.of_rules.resize(rules_.size());
  }
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const alarm_rule& rule = rules_[i];
    state& seen = of.of_rules[i];
    while (!seen.within.empty() && now - seen.within.front().when >= rule.period) {
      seen.sum -= seen.within.front().times;
      seen.within.pop_front();
    }
    const std::uint64_t times = times_of(rule, of.last, pool);
    if (times == 0) continue;
    seen.within.push_back({now, times});
    seen.sum += times;
    if (seen.sum < rule.count) continue;
    if (now < seen.silent_until) {
      ++seen.silent;
      continue;
    }
    ring.push_back({pool.name, rule.item, seen.sum, rule, std::exchange(seen.silent, 0),
                    "pool '" + pool.name + "': " + sentence(rule, seen.sum, of.last, pool)});
    seen.silent_until = deadline_after(now, rule.silence);
  }
  of.last = pool;
  return ring;
}

std::string body_of(const pool_alarm& alarm, alarm_format format) {
  const std::string title = "Millpool: " + std::string{to_string(alarm.item)};
  std::string text = alarm.text;
  if (alarm.silent > 0) {
    text += " (and " + std::to_string(alarm.silent) + " times before, in silence)";
  }
  switch (format) {
    case alarm_format::plain:
      break;
    case alarm_format::feishu:
      return admin::text_of({{"msg_type", "text"}, {"content", {{"text", title + "\n" + text}}}});
    case alarm_format::dingtalk:
      return admin::text_of(
          {{"msgtype", "markdown"},
           {"markdown", {{"title", title}, {"text", "#### " + title + "\n\n" + text}}}});
    case alarm_format::wecom:
      return admin::text_of(
          {{"msgtype", "markdown"}, {"markdown", {{"content", "**" + title + "**\n" + text}}}});
  }
  return admin::text_of({{"pool", alarm.pool},
                         {"item", to_string(alarm.item)},
                         {"times", alarm.times},
                         {"silent", alarm.silent},
                         {"text", alarm.text}});
}

}  // namespace millpool
