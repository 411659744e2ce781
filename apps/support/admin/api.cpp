#include "apps/support/admin/api.hpp"

#include "apps/support/admin/page_file.hpp"
#include "apps/support/admin/pool_json.hpp"
#include "millpool/pool/metrics.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <system_error>

namespace millpool::admin {
namespace {

using json = nlohmann::ordered_json;

answer error(unsigned status, const std::string& why) {
  return {.status = status, .body = text_of(json{{"error", why}}) + "\n"};
}

answer plain(unsigned status, std::string body) {
  return {.status = status, .type = "text/plain; charset=utf-8", .body = std::move(body)};
}

answer not_allowed(const std::string& methods) {
  answer out = error(405, "only " + methods + " is possible here");
  out.headers.emplace_back("Allow", methods);
  return out;
}

// In a time that says nothing of where they differ.
bool same_secret(std::string_view a, std::string_view b) noexcept {
  unsigned differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    differs |=
        static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(other));
  }
  return differs == 0;
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](char each) {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
  });
  return out;
}

// "localhost:9464" -> "localhost", "[::1]:9464" -> "[::1]".
std::string host_of(std::string_view header) {
  const std::size_t port = header.rfind(':');
  const bool has_port =
      port != std::string_view::npos && header.find(']', port) == std::string_view::npos;
  return lower(header.substr(0, has_port ? port : header.size()));
}

int hex_digit(char of) noexcept {
  if (of >= '0' && of <= '9') return of - '0';
  if (of >= 'a' && of <= 'f') return of - 'a' + 10;
  if (of >= 'A' && of <= 'F') return of - 'A' + 10;
  return -1;
}

// "a%20b" -> "a b"; nothing if that is not well-formed.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(16 * high + low);
    i += 2;
  }
  return out;
}

// "/a/b?c" -> "a", "b".
std::optional<std::vector<std::string>> parts_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  std::vector<std::string> parts;
  while (!target.empty()) {
    if (target.front() != '/') return std::nullopt;
    target.remove_prefix(1);
    const std::size_t end = std::min(target.find('/'), target.size());
    auto part = decoded(target.substr(0, end));
    if (!part) return std::nullopt;
    parts.push_back(*std::move(part));
    target.remove_prefix(end);
  }
  if (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

// The page itself tells nothing: what it shows it asks for.
answer file(std::string_view name) {
  const auto found = std::ranges::find(page_files(), name, &page_file::name);
  if (found == page_files().end()) return error(404, "there is nothing here");
  const auto type = [&]() -> std::string {
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (name.ends_with(".svg")) return "image/svg+xml";
    return "text/plain; charset=utf-8";
  };
  answer out{.type = type(), .body = std::string{found->content}};
  out.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
      "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  out.headers.emplace_back("Referrer-Policy", "no-referrer");
  return out;
}

void only_these(const json& asked, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : asked.items()) {
    if (std::ranges::find(known, name) == known.end()) {
      throw std::invalid_argument{"there is no '" + name + "' for this action"};
    }
  }
}

}  // namespace

api::api(std::vector<std::reference_wrapper<worker_pool>> pools, const admin_options& options)
    : api{options} {
  pools_.emplace();
  for (worker_pool& each : pools) {
    pools_->push_back({name_among_all(each), &each});
  }
}

std::vector<pool_stats> api::stats() const {
  if (!pools_) return stats_of_all_pools();
  std::vector<pool_stats> all;
  for (const named_pool& each : *pools_) {
    all.push_back(each.pool->stats());
    all.back().name = each.name;
  }
  return all;
}

bool api::with_pool(std::string_view name, const std::function<void(worker_pool&)>& f) const {
  if (!pools_) return millpool::with_pool(name, f);
  const auto found = std::ranges::find(*pools_, name, &named_pool::name);
  if (found == pools_->end()) return false;
  f(*found->pool);
  return true;
}

answer api::handle(const request& asked) {
  const auto parts = parts_of(asked.target);
  if (!parts) return error(400, "the path is not well-formed");
  const auto is = [&](std::initializer_list<std::string_view> wanted) {
    return std::ranges::equal(*parts, wanted);
  };
  const bool is_probe = is({"livez"}) || is({"readyz"});
  const bool reads = asked.method == "GET" || asked.method == "HEAD";
  if (parts->empty() || (parts->size() == 2 && parts->front() == "assets")) {
    return reads ? file(parts->empty() ? "index.html" : parts->back()) : not_allowed("GET, HEAD");
  }
  if (!is_probe) {
    if (auto refusal = refusal_of(asked)) return *std::move(refusal);
  }
  const bool is_api = parts->size() >= 3 && (*parts)[0] == "api" && (*parts)[1] == "v1";

  if (is_api && (*parts)[2] == "pools" && parts->size() == 4) return of_pool(asked, (*parts)[3]);
  if (is({"api", "v1", "alarms"}) && options_.alarms != nullptr) return of_alarms(asked);
  if (is({"api", "v1", "drain"})) return asked.method == "POST" ? drain() : not_allowed("POST");
  const bool is_queue =
      is_api && parts->size() == 5 && (*parts)[2] == "queues" && (*parts)[4] == "scale";
  const bool is_list = is({"api", "v1", "pools"});
  const bool is_stream = is({"api", "v1", "events"});
  const bool is_log = is({"api", "v1", "log"});
  const bool is_metrics = is({"metrics"});
  if (!is_probe && !is_queue && !is_list && !is_stream && !is_log && !is_metrics) {
    return error(404, "there is nothing here");
  }
  if (!reads) return not_allowed("GET, HEAD");
  if (is({"livez"})) return plain(200, "ok\n");
  if (is({"readyz"})) return readiness();
  if (is_queue) return of_queue((*parts)[3]);
  if (is_list) return {.body = event() + "\n"};
  if (is_log) return {.body = log_.to_json() + "\n"};
  if (is_stream) return {.type = "text/event-stream", .body = {}, .is_event_stream = true};
  const metrics_format format = choose_metrics_format(asked.header("accept"));
  return {.type = std::string{content_type(format)}, .body = metrics_page(format)};
}

// Whether it may ask at all.
std::optional<answer> api::refusal_of(const request& asked) const {
  if (options_.token.empty()) {
    // Under another name: a page in a browser, whose name leads here since a moment ago.
    const std::string host = host_of(asked.header("host"));
    constexpr std::array<std::string_view, 4> ours{"localhost", "127.0.0.1", "[::1]", ""};
    if (std::ranges::find(ours, host) == ours.end() && host != lower(options_.host)) {
      return error(403, "the host '" + host + "' is not this one");
    }
  } else {
    const std::string_view given = asked.header("authorization");
    constexpr std::string_view scheme = "Bearer ";
    if (lower(given.substr(0, scheme.size())) != lower(scheme) ||
        !same_secret(given.substr(scheme.size()), options_.token)) {
      answer out = error(401, "a token is needed");
      out.headers.emplace_back("WWW-Authenticate", "Bearer");
      return out;
    }
  }
  if (asked.method != "POST") return std::nullopt;
  if (options_.read_only) return error(403, "nothing can be changed here");
  const std::string_view type = asked.header("content-type");
  std::string kind = lower(type.substr(0, type.find(';')));
  while (kind.ends_with(' ')) kind.pop_back();
  if (kind != "application/json") {
    return error(415, "the Content-Type must be application/json");
  }
  const std::string_view origin = asked.header("origin");
  if (!origin.empty() && origin != "http://" + std::string{asked.header("host")} &&
      origin != "https://" + std::string{asked.header("host")}) {
    return error(403, "the request comes from another site");
  }
  return std::nullopt;
}

answer api::of_pool(const request& asked, const std::string& name) {
  answer out = error(404, "there is no pool '" + name + "'");
  with_pool(name, [&](worker_pool& pool) {
    if (asked.method == "POST") {
      out = steer(pool, name, asked.body);
    } else if (asked.method != "GET" && asked.method != "HEAD") {
      out = not_allowed("GET, HEAD, POST");
    } else {
      json all = json_of(pool.stats());
      all["name"] = name;
      all["options"] = json_of(pool.options());
      out = {.body = text_of(all) + "\n"};
    }
  });
  return out;
}

answer api::steer(worker_pool& pool, const std::string& name, const std::string& body) const try {
  const json asked = parse(body);
  if (!asked.is_object() || !asked.contains("action") || !asked["action"].is_string()) {
    return error(400, "an object with an 'action' is needed");
  }
  const std::string action = asked["action"].get<std::string>();
  std::vector<option_change> changes;
  if (action == "pause" || action == "resume") {
    only_these(asked, {"action"});
    action == "pause" ? pool.pause() : pool.resume();
  } else if (action == "resize" || action == "reconfigure") {
    json wanted = asked;
    wanted.erase("action");
    if (action == "resize") {
      only_these(asked, {"action", "min_workers", "max_workers"});
    } else {
      only_these(asked, {"action", "options"});
      wanted = asked.value("options", json::object());
    }
    pool_options options = pool.options();
    change(wanted, options_.changeable, options);
    if (options_.check) options_.check(options);
    changes = pool.reconfigure(options);
  } else {
    return error(
        400, "there is no action '" + action + "'; there are pause, resume, resize, reconfigure");
  }
  log_.add_change(name, action, changes);
  return {.body = text_of(json{{"changes", json_of(changes)}}) + "\n"};
} catch (const std::invalid_argument& refusal) {
  return error(400, refusal.what());
} catch (const std::system_error& failure) {
  return error(500, failure.what());
}

answer api::of_alarms(const request& asked) const try {
  if (asked.method == "POST") {
    const auto changes = options_.alarms->reconfigure(parse_alarm_options(asked.body));
    return {.body = text_of(json{{"changes", json_of(changes)}}) + "\n"};
  }
  if (asked.method != "GET" && asked.method != "HEAD") return not_allowed("GET, HEAD, POST");
  return {.body = to_json(options_.alarms->options(), false) + "\n"};
} catch (const std::invalid_argument& refusal) {
  return error(400, refusal.what());
}

answer api::of_queue(const std::string& name) const {
  pool_stats now;
  if (!with_pool(name, [&](worker_pool& pool) { now = pool.stats(); })) {
    return error(404, "there is no pool '" + name + "'");
  }
  return {.body = text_of(json{{"value", now.tasks.waiting},
                               {"running", now.tasks.running},
                               {"unfinished", now.tasks.waiting + now.tasks.running},
                               {"capacity", now.queue_capacity},
                               {"desired_replicas_hint", desired_replicas_hint(now)}}) +
                  "\n"};
}

bool api::is_draining() const {
  // Of all pools of a process one or the other may come and go.
  return draining_ || (pools_ && std::ranges::any_of(stats(), &pool_stats::closed));
}

answer api::readiness() const {
  return is_draining() ? plain(503, "draining\n") : plain(200, "ok\n");
}

answer api::drain() {
  if (!options_.on_drain) return error(403, "this program cannot be drained from here");
  set_draining();
  options_.on_drain();
  return {.status = 202, .body = "{\"draining\":true}\n"};
}

std::string api::event() const {
  json all = json::array();
  for (const pool_stats& each : stats()) all.push_back(json_of(each));
  return text_of(json{{"draining", draining_.load()},
                      {"log_sequence", log_.sequence()},
                      {"pools", std::move(all)}});
}

}  // namespace millpool::admin
