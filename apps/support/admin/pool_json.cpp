#include "apps/support/admin/pool_json.hpp"

#include "millpool/pool/changeable_options.hpp"
#include "millpool/pool/metrics.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace millpool::admin {
namespace {

using json = nlohmann::ordered_json;
using seconds = std::chrono::duration<double>;

// ---- options: each is shown, and read, as its type is

json shown(std::size_t number) { return number; }
json shown(std::uint32_t number) { return number; }
json shown(full_policy policy) { return std::string{to_string(policy)}; }
json shown(duration time) {
  if (time == duration::max()) return "forever";
  return seconds{time}.count();
}
template <class T>
json shown(const std::optional<T>& option) {
  return option ? shown(*option) : json{};
}

template <class Number>
requires std::is_unsigned_v<Number>
void read(const std::string& name, const json& from, Number& to) {
  constexpr Number most = std::numeric_limits<Number>::max();
  if (!from.is_number_unsigned() || from.get<std::uint64_t>() > most) {
    refuse(name, "a whole number from 0 to " + std::to_string(most), from);
  }
  to = from.get<Number>();
}

void read(const std::string& name, const json& from, duration& to) {
  if (from.is_string() && from.get<std::string>() == "forever") {
    to = duration::max();
    return;
  }
  const auto time = seconds_in(from);
  if (!time) refuse(name, "a number of seconds, or \"forever\"", from);
  to = *time;
}

void read(const std::string& name, const json& from, full_policy& to) {
  to = value_named<full_policy, 7>(name, from);
}

// A pool that runs has its numbers of workers.
void read(const std::string& name, const json& from, std::optional<std::size_t>& to) {
  std::size_t number = 0;
  read(name, from, number);
  to = number;
}

void read(const std::string& name, const json& from, std::optional<duration>& to) {
  to.reset();
  if (!from.is_null()) read(name, from, to.emplace());
}

// ---- stats

json times(const histogram_snapshot& of) {
  return {{"count", of.count()},
          {"mean", seconds{of.mean()}.count()},
          {"p50", seconds{of.quantile(0.5)}.count()},
          {"p99", seconds{of.quantile(0.99)}.count()},
          {"max", seconds{of.max()}.count()}};
}

json row(const class_stats& of) {
  json ended = json::object();
  for (std::size_t i = 0; i < task_state_count; ++i) {
    ended[std::string{to_string(static_cast<task_state>(i))}] = of.ended[i];
  }
  return {{"name", of.name}, {"ended", std::move(ended)}, {"retries", of.retries}};
}

}  // namespace

json parse(std::string_view text) try {
  constexpr int deepest = 8;
  bool too_deep = false;
  const auto look = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > deepest;
    return !too_deep;
  };
  json parsed = json::parse(text, look);
  if (too_deep) throw std::invalid_argument{"it is nested too deeply"};
  return parsed;
} catch (const json::parse_error& error) {
  throw std::invalid_argument{"it is no JSON, from byte " + std::to_string(error.byte) + " on"};
} catch (const json::exception&) {
  throw std::invalid_argument{"it has a number that is too large"};
}

void refuse(const std::string& where, const std::string& wanted, const json& is) {
  throw std::invalid_argument{where + ": must be " + wanted + ", is " + text_of(is)};
}

std::size_t index_among(std::span<const std::string_view> names, const std::string& where,
                        const json& from) {
  std::string known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (from.is_string() && from.get<std::string>() == names[i]) return i;
    known.append(known.empty() ? "" : ", ").append(names[i]);
  }
  refuse(where, "one of " + known, from);
}

std::optional<duration> seconds_in(const json& from) {
  constexpr double most = 9.2e9;  // in a duration, or a little less
  if (!from.is_number() || !(std::abs(from.get<double>()) <= most)) return std::nullopt;
  return std::chrono::round<duration>(seconds{from.get<double>()});
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json json_of(const std::vector<option_change>& changes) {
  json all = json::array();
  for (const option_change& each : changes) {
    all.push_back({{"name", each.name}, {"from", each.from}, {"to", each.to}});
  }
  return all;
}

json json_of(const pool_stats& pool) {
  json ledger = {{"accepted", pool.tasks.accepted},   {"succeeded", pool.tasks.succeeded},
                 {"failed", pool.tasks.failed},       {"cancelled", pool.tasks.cancelled},
                 {"expired", pool.tasks.expired},     {"discarded", pool.tasks.discarded},
                 {"abandoned", pool.tasks.abandoned}, {"waiting", pool.tasks.waiting},
                 {"running", pool.tasks.running}};
  json refused = json::object();
  for (std::size_t i = 0; i < submit_errc_count; ++i) {
    refused[std::string{to_string(static_cast<submit_errc>(i))}] = pool.refused[i];
  }
  json classes = json::array({row(pool.without_class)});
  for (const class_stats& each : pool.classes) classes.push_back(row(each));
  json by_class = json::array();
  for (const task_times& each : pool.times) {
    by_class.push_back({{"class", each.task_class},
                        {"priority", each.priority},
                        {"wait", times(each.wait)},
                        {"run", times(each.run)}});
  }
  json scalings = json::array();
  for (const scaling_count& each : pool.scalings) {
    scalings.push_back(
        {{"direction", each.up ? "up" : "down"}, {"reason", each.rule}, {"times", each.times}});
  }
  json breakers = json::array();
  for (const breaker_view& each : pool.breakers) {
    breakers.push_back(
        {{"name", each.seen.name}, {"class", each.task_class}, {"state", each.seen.state}});
  }
  return {{"name", pool.name},
          {"paused", pool.paused},
          {"closed", pool.closed},
          {"overloaded", pool.overloaded},
          {"workers",
           {{"total", pool.workers.total},
            {"idle", pool.workers.idle},
            {"running", pool.workers.running},
            {"blocked", pool.workers.blocked},
            {"active", pool.active_workers},
            {"min", pool.min_workers},
            {"max", pool.max_workers},
            {"compensating", pool.compensating}}},
          {"queue",
           {{"capacity", pool.queue_capacity},
            {"depth", pool.depth},
            {"put_off", pool.put_off},
            {"delayed", pool.delayed},
            {"oldest_age", seconds{pool.oldest_waiting}.count()}}},
          {"tasks", std::move(ledger)},
          {"refused", std::move(refused)},
          {"wait", times(pool.wait)},
          {"run", times(pool.run)},
          {"classes", std::move(classes)},
          {"times", std::move(by_class)},
          {"scalings", std::move(scalings)},
          {"breakers", std::move(breakers)},
          {"stuck", pool.stuck},
          {"deadlocks", pool.deadlocks},
          {"steals", pool.steals},
          {"parks", pool.parks},
          {"desired_replicas_hint", desired_replicas_hint(pool)}};
}

json json_of(const pool_options& options) {
  json all = json::object();
  for_each_changeable([&](const char* name, const auto& option) { all[name] = shown(option); },
                      options);
  return all;
}

void change(const json& changes, const std::vector<std::string>& only, pool_options& options) {
  if (!changes.is_object()) refuse("options", "an object", changes);
  for (const auto& [name, value] : changes.items()) {
    if (!only.empty() && std::ranges::find(only, name) == only.end()) {
      throw std::invalid_argument{"'" + name + "' cannot be changed in this program"};
    }
    bool is_known = false;
    for_each_changeable(
        [&, &wanted = name, &from = value](const char* known, auto& option) {
          if (wanted != known) return;
          is_known = true;
          read(wanted, from, option);
        },
        options);
    if (!is_known) throw std::invalid_argument{"there is no option '" + name + "' that can change"};
  }
}

}  // namespace millpool::admin
