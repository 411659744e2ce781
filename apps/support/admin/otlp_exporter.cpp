#include "millpool/otlp_exporter.hpp"

#include "apps/support/admin/http_client.hpp"
#include "apps/support/admin/otlp_json.hpp"
#include "apps/support/io.hpp"
#include "millpool/base/random.hpp"
#include "millpool/sync/signals_blocked.hpp"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iterator>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string_view>
#include <thread>

namespace millpool {
namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::invalid_argument{"otlp_options." + what};
}

void check(const otlp_options& options) {
  require(admin::is_http_url(options.endpoint),
          "endpoint: must begin with http:// or https://, is '" + options.endpoint + "'");
  require(options.traces_url.empty() || admin::is_http_url(options.traces_url),
          "traces_url: must begin with http:// or https://, is '" + options.traces_url + "'");
  require(options.sample_ratio >= 0.0 && options.sample_ratio <= 1.0,
          "sample_ratio: must be 0 to 1, is " + std::to_string(options.sample_ratio));
  require(options.batch > 0, "batch: must be at least 1, is 0");
  require(options.capacity >= options.batch, "capacity: must be at least batch (" +
                                                 std::to_string(options.batch) + "), is " +
                                                 std::to_string(options.capacity));
  require(options.interval > duration::zero() && options.interval <= std::chrono::hours{24},
          "interval: must be above 0, and at most a day");
  require(options.timeout > duration::zero(), "timeout: must be above 0");
  require(options.backoff >= duration::zero(), "backoff: must not be negative");
  require(options.max_attempts > 0, "max_attempts: must be at least 1, is 0");
  const auto is_control = [](char each) { return static_cast<unsigned char>(each) < 0x20; };
  for (const auto& [name, value] : options.headers) {
    require(!name.empty() && name.find(':') == std::string::npos && !value.empty() &&
                std::ranges::none_of(name, is_control) && std::ranges::none_of(value, is_control),
            "headers: '" + name + "' is none, or its value is empty or has a control character");
  }
}

std::string url_of(const otlp_options& options) {
  if (!options.traces_url.empty()) return options.traces_url;
  std::string url = options.endpoint;
  while (url.ends_with('/')) url.pop_back();
  return url + "/v1/traces";
}

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const char* const text = std::getenv(name);
  return text != nullptr ? text : "";
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "d%20e" -> "d e"; what is no such code stays.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* const digits = text.data() + i + 1;
    const bool is_code = text[i] == '%' && i + 2 < text.size() &&
                         std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2;
    out += is_code ? static_cast<char>(code) : text[i];
    if (is_code) i += 2;
  }
  return out;
}

// "a=b,c=d%20e", as OpenTelemetry has lists in variables. Values may be secrets, and are not told.
pairs pairs_in(const char* name) {
  pairs out;
  const std::string text = variable(name);
  std::string_view left = text;
  for (std::size_t number = 1; !left.empty(); ++number) {
    const std::string_view whole = left.substr(0, left.find(','));
    left.remove_prefix(std::min(whole.size() + 1, left.size()));
    const std::string_view each = trimmed(whole);
    if (each.empty()) continue;
    const std::size_t equals = each.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      throw std::invalid_argument{std::string{name} + ": must be name=value,…; number " +
                                  std::to_string(number) + " is not"};
    }
    out.emplace_back(trimmed(each.substr(0, equals)), decoded(trimmed(each.substr(equals + 1))));
  }
  return out;
}

bool may_be_tried_again(const admin::http_answer& answer) {
  return answer.failure == admin::http_failure::refused ||
         answer.failure == admin::http_failure::interrupted || answer.status == 429 ||
         (answer.status >= 502 && answer.status <= 504);
}

}  // namespace

otlp_options otlp_options_from_environment() {
  otlp_options out;
  if (const std::string base = variable("OTEL_EXPORTER_OTLP_ENDPOINT"); !base.empty()) {
    out.endpoint = base;
  }
  if (const std::string whole = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); !whole.empty()) {
    out.traces_url = whole;
  }
  if (const std::string ratio = variable("OTEL_TRACES_SAMPLER_ARG"); !ratio.empty()) {
    const char* const end = ratio.data() + ratio.size();
    const auto read = std::from_chars(ratio.data(), end, out.sample_ratio);
    if (read.ec != std::errc{} || read.ptr != end || !(out.sample_ratio >= 0.0) ||
        !(out.sample_ratio <= 1.0)) {
      throw std::invalid_argument{"OTEL_TRACES_SAMPLER_ARG: must be 0 to 1, is '" + ratio + "'"};
    }
  }
  out.headers = pairs_in("OTEL_EXPORTER_OTLP_HEADERS");
  for (auto& [name, value] : pairs_in("OTEL_RESOURCE_ATTRIBUTES")) {
    // Each name once.
    if (name == "service.name") {
      out.service_name = value;
    } else if (!name.starts_with("telemetry.sdk.")) {
      out.resource.emplace_back(std::move(name), std::move(value));
    }
  }
  if (const std::string name = variable("OTEL_SERVICE_NAME"); !name.empty()) {
    out.service_name = name;
  }
  return out;
}

class otlp_exporter::body {
 public:
  explicit body(otlp_options options) : options_{std::move(options)}, url_{url_of(options_)} {
    for (const auto& [name, value] : options_.headers) {
      lines_.push_back(name);
      lines_.back().append(": ").append(value);
    }
    const signals_blocked during_start;
    thread_ = std::jthread{[this](const std::stop_token& stop) { main(stop); }};
  }

  // A pool's hook may hold this for longer than the exporter is there.
  void end() {
    thread_.request_stop();
    thread_.join();
  }

  template <class... Args>
  void keep(Args&&... args) noexcept {
    const std::lock_guard lock{mutex_};
    if (has_ended_ || waiting_.size() == options_.capacity) {
      ++counts_.dropped;
      return;
    }
    try {
      waiting_.emplace_back(std::forward<Args>(args)...);
    } catch (const std::bad_alloc&) {
      ++counts_.dropped;
      return;
    }
    if (waiting_.size() == 1 || waiting_.size() == options_.batch) due_.notify_one();
  }

  [[nodiscard]] double sample_ratio() const noexcept { return options_.sample_ratio; }

  bool flush(duration limit) {
    std::unique_lock lock{mutex_};
    ++flushing_;
    due_.notify_one();
    const bool done = settled_.wait_until(lock, deadline_after(steady().now(), limit),
                                          [this] { return waiting_.empty() && sending_ == 0; });
    --flushing_;
    return done;
  }

  [[nodiscard]] counts so_far() const {
    const std::lock_guard lock{mutex_};
    return counts_;
  }

 private:
  void main(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
      due_.wait(lock, stop, [this] { return !waiting_.empty(); });
      due_.wait_for(lock, stop, options_.interval,
                    [this] { return waiting_.size() >= options_.batch || flushing_ > 0; });
      if (!stop.stop_requested() && !waiting_.empty()) send_batch(lock, stop, options_.timeout);
    }
    const time_point deadline = deadline_after(steady().now(), options_.timeout);
    for (duration left = options_.timeout; !waiting_.empty() && left > duration::zero();
         left = deadline - steady().now()) {
      send_batch(lock, stop, left);
    }
    counts_.dropped += waiting_.size();
    waiting_.clear();
    has_ended_ = true;
    settled_.notify_all();
  }

  // Once stop is requested, it is tried once.
  void send_batch(std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  duration timeout) {
    sending_ = std::min(waiting_.size(), options_.batch);
    const std::size_t all = sending_;
    outcome so_far;
    std::vector<admin::kept_span> batch;
    try {
      batch.reserve(all);
      const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(all);
      std::move(waiting_.begin(), end, std::back_inserter(batch));
      waiting_.erase(waiting_.begin(), end);
      for (unsigned attempt = 1;; ++attempt) {
        lock.unlock();
        so_far = post(batch, std::min(timeout, options_.timeout));
        lock.lock();
        if (!so_far.again || attempt >= options_.max_attempts || stop.stop_requested()) break;
        due_.wait_for(lock, stop, delay(attempt, so_far), [] { return false; });
        if (stop.stop_requested()) break;
      }
    } catch (const std::bad_alloc&) {
      if (!lock.owns_lock()) lock.lock();
      if (batch.empty()) {  // they are all there yet
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(all));
      }
    }
    counts_.exported += so_far.taken;
    counts_.failed += all - so_far.taken;
    sending_ = 0;
    settled_.notify_all();
    if (so_far.taken == all) return;
    lock.unlock();
    complain(all - so_far.taken, so_far.wrong);
    lock.lock();
  }

  static void complain(std::uint64_t spans, const std::string& wrong) noexcept try {
    app::complain("millpool",
                  "traces: " + std::to_string(spans) + " spans were not taken: " + wrong);
  } catch (const std::bad_alloc&) {
    app::complain("millpool", "traces: spans were not taken");
  }

  struct outcome {
    std::uint64_t taken = 0;
    bool again = false;  // it may be taken another time
    std::optional<std::chrono::seconds> retry_after{};
    std::string wrong{};
  };
  [[nodiscard]] outcome post(const std::vector<admin::kept_span>& batch, duration timeout) const {
    const admin::http_answer answer =
        admin::http_send({.url = url_,
                          .body = admin::otlp_request(options_, batch),
                          .headers = lines_,
                          .timeout = timeout});
    outcome out{.again = may_be_tried_again(answer), .retry_after = answer.retry_after};
    out.wrong =
        answer.wrong.empty() ? "the answer is " + std::to_string(answer.status) : answer.wrong;
    if (answer.status < 200 || answer.status > 299) return out;
    const admin::otlp_rejection rejected = admin::rejection_in(answer.body);
    out.taken = batch.size() - std::min<std::uint64_t>(rejected.spans, batch.size());
    if (rejected.spans > 0) out.wrong = rejected.why;
    return out;
  }

  [[nodiscard]] duration delay(unsigned attempt, const outcome& last) const {
    constexpr duration most = std::chrono::seconds{60};
    if (last.retry_after) return std::min<duration>(*last.retry_after, most);
    duration out = options_.backoff;
    for (unsigned i = 1; i < attempt && out < most; ++i) out *= 2;
    out = std::min(out, most);
    // Between half of it and all, so that not all come back at once.
    const auto half = static_cast<std::uint64_t>(out.count()) / 2;
    return out - duration{static_cast<duration::rep>(half > 0 ? random_bits() % half : 0)};
  }

  const otlp_options options_;
  const std::string url_;
  std::vector<std::string> lines_{};
  mutable std::mutex mutex_;
  std::condition_variable_any due_;
  std::condition_variable_any settled_;
  std::deque<admin::kept_span> waiting_{};  // guarded by mutex_, as all that follows
  std::size_t sending_ = 0;
  unsigned flushing_ = 0;
  bool has_ended_ = false;
  counts counts_{};
  std::jthread thread_;
};

namespace {

// When that clock was 0, by the time of day. Two clocks are read one after the other: of some such
// readings the one that took the shortest.
std::chrono::system_clock::time_point epoch_of(const clock& time) {
  std::chrono::system_clock::time_point epoch{};
  auto shortest = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 10; ++i) {
    const auto before = std::chrono::steady_clock::now();
    const auto of_day = std::chrono::system_clock::now();
    const auto of_pool = time.now();
    const auto took = std::chrono::steady_clock::now() - before;
    if (took >= shortest) continue;
    shortest = took;
    epoch = of_day - of_pool.time_since_epoch();
  }
  return epoch;
}

}  // namespace

otlp_exporter::otlp_exporter(otlp_options options) {
  check(options);
  body_ = std::make_shared<body>(std::move(options));
}

otlp_exporter::~otlp_exporter() { body_->end(); }

pool_options otlp_exporter::watch(pool_options options) const {
  options.on_span = [body = body_, epoch = epoch_of(*options.time),
                     before = std::move(options.on_span)](const span_info& span) {
    body->keep(span, epoch);
    if (before) before(span);
  };
  return options;
}

bool otlp_exporter::flush(duration limit) { return body_->flush(limit); }

otlp_exporter::counts otlp_exporter::so_far() const { return body_->so_far(); }

request_span::request_span(otlp_exporter& to, std::string name,
                           const std::optional<trace_context>& from)
    : to_{to},
      name_{std::move(name)},
      parent_{from ? std::optional{from->span_id} : std::nullopt},
      context_{from ? from->child() : trace_context::start(to.body_->sample_ratio())},
      start_{std::chrono::system_clock::now()} {}

request_span::~request_span() {
  if (!context_.is_sampled()) return;
  to_.body_->keep(std::move(name_), context_, parent_, start_, std::chrono::system_clock::now(),
                  std::move(error_));
}

}  // namespace millpool
