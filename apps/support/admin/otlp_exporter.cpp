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
  require(options.sample_ratio >= 0.0 && options.sample_ratio <= 1.0,
          "sample_ratio: must be 0 to 1, is " + std::to_string(options.sample_ratio));
  require(options.batch > 0, "batch: must be at least 1, is 0");
  require(options.capacity >= options.batch, "capacity: must be at least batch (" +
                                                 std::to_string(options.batch) + "), is " +
                                                 std::to_string(options.capacity));
  require(options.interval > duration::zero(), "interval: must be above 0");
  require(options.timeout > duration::zero(), "timeout: must be above 0");
  require(options.backoff >= duration::zero(), "backoff: must not be negative");
  require(options.max_attempts > 0, "max_attempts: must be at least 1, is 0");
  const auto is_control = [](char each) { return static_cast<unsigned char>(each) < 0x20; };
  for (const auto& [name, value] : options.headers) {
    require(!name.empty() && name.find(':') == std::string::npos &&
                std::ranges::none_of(name + value, is_control),
            "headers: '" + name + "' is none, or its value has a control character");
  }
}

std::string url_of(std::string endpoint) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint.ends_with("/v1/traces") ? endpoint : endpoint + "/v1/traces";
}

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const char* const text = std::getenv(name);
  return text != nullptr ? text : "";
}

// "a=b,c=d%20e", as OpenTelemetry has lists in variables.
pairs pairs_in(const char* name) {
  pairs out;
  const std::string text = variable(name);
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view each = left.substr(0, left.find(','));
    left.remove_prefix(std::min(each.size() + 1, left.size()));
    const std::size_t equals = each.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      throw std::invalid_argument{std::string{name} + ": must be name=value,…, has '" +
                                  std::string{each} + "'"};
    }
    std::string value;
    for (std::size_t i = equals + 1; i < each.size(); ++i) {
      unsigned code = 0;
      const char* const digits = each.data() + i + 1;
      if (each[i] == '%' && i + 2 < each.size() &&
          std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
        value += static_cast<char>(code);
        i += 2;
      } else {
        value += each[i];
      }
    }
    const auto first = each.find_first_not_of(' ');
    out.emplace_back(each.substr(first, equals - first), std::move(value));
  }
  return out;
}

bool may_be_tried_again(const admin::http_answer& answer) {
  return answer.status == 0 || answer.status == 429 ||
         (answer.status >= 502 && answer.status <= 504);
}

}  // namespace

otlp_options otlp_options_from_environment() {
  otlp_options out;
  if (const std::string base = variable("OTEL_EXPORTER_OTLP_ENDPOINT"); !base.empty()) {
    out.endpoint = base;
  }
  if (const std::string whole = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); !whole.empty()) {
    out.endpoint = whole;
  }
  if (const std::string name = variable("OTEL_SERVICE_NAME"); !name.empty()) {
    out.service_name = name;
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
  out.resource = pairs_in("OTEL_RESOURCE_ATTRIBUTES");
  return out;
}

class otlp_exporter::body {
 public:
  explicit body(otlp_options options)
      : options_{std::move(options)}, url_{url_of(options_.endpoint)} {
    for (const auto& [name, value] : options_.headers) lines_.push_back(name + ": " + value);
    const signals_blocked during_start;
    thread_ = std::jthread{[this](const std::stop_token& stop) { main(stop); }};
  }

  // A pool's hook may hold this for longer than the exporter is there.
  void end() {
    thread_.request_stop();
    thread_.join();
  }

  void keep(const span_info& span, const clock& time) noexcept try {
    const auto epoch = std::chrono::system_clock::now() - time.now().time_since_epoch();
    std::size_t waiting = 0;
    {
      const std::lock_guard lock{mutex_};
      if (has_ended_ || waiting_.size() == options_.capacity) {
        ++counts_.dropped;
        return;
      }
      waiting_.emplace_back(span, epoch);
      waiting = waiting_.size();
    }
    if (waiting == 1 || waiting == options_.batch) due_.notify_one();
  } catch (const std::bad_alloc&) {
    const std::lock_guard lock{mutex_};
    ++counts_.dropped;
  }

  bool flush(duration limit) {
    std::unique_lock lock{mutex_};
    ++flushing_;
    due_.notify_one();
    const bool done =
        settled_.wait_for(lock, limit, [this] { return waiting_.empty() && sending_ == 0; });
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
      if (!stop.stop_requested() && !waiting_.empty()) send_batch(lock, stop);
    }
    const time_point deadline = deadline_after(steady().now(), options_.timeout);
    while (!waiting_.empty() && steady().now() < deadline) {
      send_batch(lock, stop, deadline - steady().now());
    }
    counts_.dropped += waiting_.size();
    waiting_.clear();
    has_ended_ = true;
  }

  // Once stop is requested, it is tried once.
  void send_batch(std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  duration timeout = duration::max()) {
    const auto end =
        waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), options_.batch));
    const std::vector<admin::kept_span> batch{std::make_move_iterator(waiting_.begin()),
                                              std::make_move_iterator(end)};
    waiting_.erase(waiting_.begin(), end);
    sending_ = batch.size();
    std::uint64_t taken = 0;
    std::string wrong;
    for (unsigned attempt = 1;; ++attempt) {
      lock.unlock();
      const auto [answer, so_many] = post(batch, std::min(timeout, options_.timeout));
      lock.lock();
      taken = so_many;
      wrong = what_is_wrong_with(answer);
      if (!may_be_tried_again(answer) || attempt >= options_.max_attempts) break;
      if (!stop.stop_requested())
        due_.wait_for(lock, stop, delay(attempt, answer), [] { return false; });
      if (stop.stop_requested()) break;
    }
    counts_.exported += taken;
    counts_.failed += batch.size() - taken;
    sending_ = 0;
    settled_.notify_all();
    if (taken == batch.size()) return;
    lock.unlock();
    app::complain("millpool", "traces: " + std::to_string(batch.size() - taken) +
                                  " spans were not taken: " + wrong);
    lock.lock();
  }

  struct sent {
    admin::http_answer answer;
    std::uint64_t taken;
  };
  [[nodiscard]] sent post(const std::vector<admin::kept_span>& batch, duration timeout) const try {
    sent out{admin::http_post(url_, admin::otlp_request(options_, batch), lines_, timeout), 0};
    if (out.answer.status < 200 || out.answer.status > 299) return out;
    const admin::otlp_rejection rejected = admin::rejection_in(out.answer.body);
    out.taken = batch.size() - std::min<std::uint64_t>(rejected.spans, batch.size());
    if (rejected.spans > 0) out.answer.wrong = rejected.why;
    return out;
  } catch (const std::exception& failure) {  // no memory
    return {{.wrong = failure.what()}, 0};
  }

  static std::string what_is_wrong_with(const admin::http_answer& answer) {
    if (!answer.wrong.empty()) return answer.wrong;
    return "the answer is " + std::to_string(answer.status);
  }

  [[nodiscard]] duration delay(unsigned attempt, const admin::http_answer& answer) const {
    if (answer.retry_after) return *answer.retry_after;
    constexpr duration most = std::chrono::seconds{30};
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

otlp_exporter::otlp_exporter(otlp_options options) : sample_ratio_{options.sample_ratio} {
  check(options);
  body_ = std::make_shared<body>(std::move(options));
}

otlp_exporter::~otlp_exporter() { body_->end(); }

pool_options otlp_exporter::watch(pool_options options) const {
  options.on_span = [body = body_, time = options.time,
                     before = std::move(options.on_span)](const span_info& span) {
    body->keep(span, *time);
    if (before) before(span);
  };
  return options;
}

trace_context otlp_exporter::start_trace() const noexcept {
  return trace_context::start(sample_ratio_);
}

bool otlp_exporter::flush(duration limit) { return body_->flush(limit); }

otlp_exporter::counts otlp_exporter::so_far() const { return body_->so_far(); }

}  // namespace millpool
