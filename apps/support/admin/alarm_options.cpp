#include "apps/support/admin/pool_json.hpp"
#include "millpool/alarm_service.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace millpool {
namespace {

using json = nlohmann::ordered_json;
using seconds = std::chrono::duration<double>;

constexpr std::string_view hidden = "/…";  // in the place of what may be a secret

constexpr std::array<std::pair<std::string_view, alarm_format>, 4> formats{
    {{"webhook", alarm_format::plain},
     {"feishu", alarm_format::feishu},
     {"dingtalk", alarm_format::dingtalk},
     {"wecom", alarm_format::wecom}}};

// Calls take(name, value) for each member; one that it does not know is refused.
template <class Take>
void for_each_member(const std::string& where, const json& of, Take take) {
  if (!of.is_object()) admin::refuse(where.empty() ? "the text" : where, "an object", of);
  for (const auto& [name, value] : of.items()) {
    std::string here = where;
    here.append(where.empty() ? "" : ".").append(name);
    if (!take(name, here, value)) throw std::invalid_argument{"there is no '" + here + "'"};
  }
}

template <class Add>
void for_each_element(const std::string& where, const json& of, Add add) {
  if (!of.is_array()) admin::refuse(where, "an array", of);
  for (std::size_t i = 0; i < of.size(); ++i) add(where + "[" + std::to_string(i) + "]", of[i]);
}

void read(const std::string& where, const json& from, std::chrono::nanoseconds& to) {
  const auto time = admin::seconds_in(from);
  if (!time) admin::refuse(where, "a number of seconds", from);
  to = *time;
}
void read(const std::string& where, const json& from, double& to) {
  if (!from.is_number()) admin::refuse(where, "a number", from);
  to = from.get<double>();
}
void read(const std::string& where, const json& from, std::uint64_t& to) {
  if (!from.is_number_unsigned()) admin::refuse(where, "a whole number", from);
  to = from.get<std::uint64_t>();
}
void read(const std::string& where, const json& from, std::string& to) {
  if (!from.is_string()) admin::refuse(where, "a text", from);
  to = from.get<std::string>();
}
void read(const std::string& where, const json& from, alarm_item& to) {
  to = admin::value_named<alarm_item, alarm_item_count>(where, from);
}

alarm_rule rule_of(const std::string& where, const json& from) {
  alarm_rule rule;
  bool has_item = false;
  for_each_member(where, from,
                  [&](const std::string& name, const std::string& here, const json& v) {
                    if (name == "item") {
                      read(here, v, rule.item);
                      return has_item = true;
                    }
                    if (name == "threshold") return read(here, v, rule.threshold), true;
                    if (name == "longer_than") return read(here, v, rule.longer_than), true;
                    if (name == "count") return read(here, v, rule.count), true;
                    if (name == "period") return read(here, v, rule.period), true;
                    if (name == "silence") return read(here, v, rule.silence), true;
                    return false;
                  });
  if (!has_item) throw std::invalid_argument{where + ": there is no 'item' in it"};
  return rule;
}

alarm_sink sink_of(const std::string& where, const json& from) {
  alarm_sink sink;
  std::string type;
  for_each_member(where, from,
                  [&](const std::string& name, const std::string& here, const json& v) {
                    if (name == "type") return read(here, v, type), true;
                    if (name == "url") return read(here, v, sink.url), true;
                    return false;
                  });
  if (type == "log") {
    if (!sink.url.empty()) throw std::invalid_argument{where + ": a log has no url"};
    return sink;
  }
  for (const auto& [name, format] : formats) {
    if (type != name) continue;
    sink.format = format;
    if (sink.url.empty()) throw std::invalid_argument{where + ": there is no 'url' in it"};
    if (sink.url.ends_with(hidden)) {
      throw std::invalid_argument{where + ".url: what was hidden is not known here: give it anew"};
    }
    return sink;
  }
  throw std::invalid_argument{where + ".type: must be one of log, webhook, feishu, dingtalk, " +
                              "wecom, is \"" + type + "\""};
}

json json_of(const alarm_sink& sink, bool secrets) {
  if (sink.url.empty()) return {{"type", "log"}};
  std::string url = sink.url;
  if (!secrets) {
    const std::size_t host = url.find("://") + 3;
    const std::size_t path = std::min(url.find_first_of("/?#", host), url.size());
    const std::string where = url.substr(host, path - host);
    const std::size_t user = where.rfind('@');
    url = url.substr(0, host) + where.substr(user == std::string::npos ? 0 : user + 1);
    if (path < sink.url.size()) url += hidden;
  }
  for (const auto& [name, format] : formats) {
    if (format == sink.format) return {{"type", name}, {"url", url}};
  }
  return {};
}

}  // namespace

alarm_options parse_alarm_options(std::string_view text) {
  alarm_options options;
  for_each_member("", admin::parse(text),
                  [&](const std::string& name, const std::string& here, const json& v) {
                    if (name == "interval") return read(here, v, options.interval), true;
                    if (name == "rules") {
                      for_each_element(here, v, [&](const std::string& where, const json& each) {
                        options.rules.push_back(rule_of(where, each));
                      });
                      return true;
                    }
                    if (name == "sinks") {
                      for_each_element(here, v, [&](const std::string& where, const json& each) {
                        options.sinks.push_back(sink_of(where, each));
                      });
                      return true;
                    }
                    return false;
                  });
  return options;
}

std::string to_json(const alarm_options& options, bool secrets) {
  json rules = json::array();
  for (const alarm_rule& each : options.rules) {
    rules.push_back({{"item", to_string(each.item)},
                     {"threshold", each.threshold},
                     {"longer_than", seconds{each.longer_than}.count()},
                     {"count", each.count},
                     {"period", seconds{each.period}.count()},
                     {"silence", seconds{each.silence}.count()}});
  }
  json sinks = json::array();
  for (const alarm_sink& each : options.sinks) sinks.push_back(json_of(each, secrets));
  return admin::text_of({{"interval", seconds{options.interval}.count()},
                         {"rules", std::move(rules)},
                         {"sinks", std::move(sinks)}});
}

}  // namespace millpool
