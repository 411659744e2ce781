#include "millpool/admin_server.hpp"

#include "apps/support/admin/api.hpp"
#include "millpool/sync/signals_blocked.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <charconv>
#include <exception>
#include <fcntl.h>
#include <new>
#include <pthread.h>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace millpool {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto waits = asio::as_tuple(asio::use_awaitable);  // gives (error, …), throws nothing
constexpr std::size_t max_header = 8192;

asio::ip::address address_of(const std::string& host) {
  if (host == "localhost") return asio::ip::address_v4::loopback();
  error_code bad;
  const auto address = asio::ip::make_address(host, bad);
  if (bad) throw std::invalid_argument{"admin_options.host: '" + host + "' is no address"};
  return address;
}

void check(const admin_options& options) {
  if (options.token.empty() && !is_loopback(options)) {
    throw std::invalid_argument{"admin_options.token: must be set, since host (" + options.host +
                                ") can be reached from other machines"};
  }
  if (options.max_connections == 0) {
    throw std::invalid_argument{"admin_options.max_connections: must be at least 1, is 0"};
  }
  for (const auto& [name, time] : {std::pair{"timeout", options.timeout},
                                   std::pair{"event_interval", options.event_interval}}) {
    if (time >= std::chrono::milliseconds{1}) continue;
    throw std::invalid_argument{std::string{"admin_options."} + name +
                                ": must be at least 1000000 ns, is " +
                                std::to_string(time.count())};
  }
}

void close_in_children(int socket) noexcept { (void)::fcntl(socket, F_SETFD, FD_CLOEXEC); }

using parser = http::request_parser<http::string_body>;

// What is to be said of a request that could not be read; 0: nothing, its client is gone.
unsigned status_of(const error_code& bad) noexcept {
  if (bad == http::error::header_limit || bad == http::error::buffer_overflow) return 431;
  if (bad == http::error::body_limit) return 413;
  if (bad == http::error::end_of_stream || bad == http::error::partial_message) return 0;
  return bad.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

http::response<http::string_body> response_of(admin::answer given, bool keep_alive) {
  http::response<http::string_body> out{static_cast<http::status>(given.status), 11};
  out.set(http::field::server, "millpool");
  out.set(http::field::content_type, given.type);
  out.set(http::field::cache_control, "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : given.headers) out.set(name, value);
  out.keep_alive(keep_alive);
  out.body() = std::move(given.body);
  out.prepare_payload();
  return out;
}

}  // namespace

class admin_server::body {
 public:
  template <class... Pools>
  explicit body(const admin_options& options, Pools&&... pools)
      : options_{options}, api_{std::forward<Pools>(pools)..., options} {
    const tcp::endpoint at{address_of(options.host), options.port};
    try {
      acceptor_.open(at.protocol());
      close_in_children(acceptor_.native_handle());
      acceptor_.set_option(tcp::acceptor::reuse_address{true});
      acceptor_.bind(at);
      acceptor_.listen();
    } catch (const boost::system::system_error& failure) {
      throw std::system_error{
          failure.code().value(), std::system_category(),
          "the admin server cannot have " + options.host + ":" + std::to_string(options.port)};
    }
    asio::co_spawn(context_, accept(), asio::detached);
    const signals_blocked during_start;
    thread_ = std::jthread{[this] {
      pthread_setname_np(pthread_self(), "admin");
      context_.run();
    }};
  }
  // Its thread may be in a request just then: that one ends.
  ~body() { context_.stop(); }

  [[nodiscard]] tcp::endpoint where() const { return acceptor_.local_endpoint(); }
  [[nodiscard]] admin::api& pools() noexcept { return api_; }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      bool failed = false;
      try {
        auto [bad, socket] = co_await acceptor_.async_accept(waits);
        failed = bad.failed();
        if (!failed) {
          close_in_children(socket.native_handle());
          asio::co_spawn(context_, serve(beast::tcp_stream{std::move(socket)}), asio::detached);
        }
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      if (!failed) continue;
      // No descriptor is left, say, or no memory: the next one may have some.
      asio::steady_timer pause{context_, std::chrono::milliseconds{50}};
      co_await pause.async_wait(waits);
    }
  }

  asio::awaitable<void> serve(beast::tcp_stream stream) {
    ++connections_;
    const counts_down at_the_end{connections_};
    beast::flat_buffer read{max_header + options_.max_body};
    for (bool goes_on = connections_ <= options_.max_connections; goes_on;) {
      parser incoming;
      incoming.header_limit(max_header);
      incoming.body_limit(options_.max_body);
      stream.expires_after(options_.timeout);
      const auto [bad, size] = co_await http::async_read(stream, read, incoming, waits);
      const unsigned refusal = bad ? status_of(bad) : 0;
      if (bad && refusal == 0) break;
      const auto& asked = incoming.get();
      admin::answer given = bad ? admin::answer{.status = refusal, .body = "{}\n"} : answer(asked);
      goes_on = !bad && asked.keep_alive() && !given.is_event_stream;
      if (given.is_event_stream && streams_ >= options_.max_connections / 2) {
        given = {.status = 503, .body = "{\"error\":\"there are too many event streams\"}\n"};
      } else if (given.is_event_stream && asked.method() == http::verb::get) {
        ++streams_;
        const counts_down stream_ends{streams_};
        co_await stream_events(stream, std::move(given));
        break;
      }
      auto response = response_of(std::move(given), goes_on);
      stream.expires_after(options_.timeout);
      error_code failed;
      if (asked.method() == http::verb::head) {
        http::response_serializer<http::string_body> header{response};
        std::tie(failed, std::ignore) = co_await http::async_write_header(stream, header, waits);
      } else {
        std::tie(failed, std::ignore) = co_await http::async_write(stream, response, waits);
      }
      if (failed) break;
    }
    error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  // A pool's figures that cannot be had are not the client's fault.
  admin::answer answer(const http::request<http::string_body>& asked) {
    try {
      return api_.handle({.method = std::string{asked.method_string()},
                          .target = std::string{asked.target()},
                          .body = asked.body(),
                          .header = [&](std::string_view name) -> std::string_view {
                            const auto found = asked.find(name);
                            return found != asked.end() ? std::string_view{found->value()}
                                                        : std::string_view{};
                          }});
    } catch (const std::exception& failure) {
      return {.status = 500, .body = "{\"error\":\"internal error\"}\n"};
    }
  }

  asio::awaitable<void> stream_events(beast::tcp_stream& stream, admin::answer given) {
    http::response<http::empty_body> header{http::status::ok, 11};
    header.set(http::field::content_type, given.type);
    header.set(http::field::cache_control, "no-store");
    header.keep_alive(false);
    http::response_serializer<http::empty_body> begin{header};
    stream.expires_after(options_.timeout);
    if (std::get<0>(co_await http::async_write_header(stream, begin, waits))) co_return;
    asio::steady_timer pause{context_};
    for (;;) {
      const std::string event = "data: " + api_.event() + "\n\n";
      stream.expires_after(options_.timeout);
      const auto [bad, size] = co_await asio::async_write(stream, asio::buffer(event), waits);
      if (bad) co_return;
      pause.expires_after(options_.event_interval);
      co_await pause.async_wait(waits);
    }
  }

  const admin_options options_;
  admin::api api_;
  struct counts_down {
    std::size_t& number;
    ~counts_down() { --number; }
  };
  // The thread's alone; before what destroys those that are left.
  std::size_t connections_ = 0;
  std::size_t streams_ = 0;  // of these
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  std::jthread thread_;
};

admin_server::admin_server(std::vector<std::reference_wrapper<worker_pool>> pools,
                           const admin_options& options) {
  check(options);
  body_ = std::make_unique<body>(options, std::move(pools));
}

admin_server::admin_server(const admin_options& options) {
  check(options);
  body_ = std::make_unique<body>(options);
}

admin_server::~admin_server() = default;

std::uint16_t admin_server::port() const noexcept { return body_->where().port(); }

std::string url_of(const admin_options& options) {
  const bool is_v6 = options.host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + options.host + "]" : options.host) + ":" +
         std::to_string(options.port);
}

std::string admin_server::url() const {
  const tcp::endpoint at = body_->where();
  return url_of({.host = at.address().to_string(), .port = at.port()});
}

void admin_server::set_draining() noexcept { body_->pools().set_draining(); }

bool is_loopback(const admin_options& options) { return address_of(options.host).is_loopback(); }

admin_options parse_admin_address(const std::string& text) {
  admin_options out;
  const std::size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  const bool is_v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_v6) host = host.substr(1, host.size() - 2);
  unsigned number = 0;
  const char* const end = port.data() + port.size();
  const auto read = std::from_chars(port.data(), end, number);
  if (port.empty() || read.ec != std::errc{} || read.ptr != end || number > 65535) {
    throw std::invalid_argument{"'" + text + "': the port must be 0 to 65535"};
  }
  if (!is_v6 && host.find(':') != std::string::npos) {
    throw std::invalid_argument{"'" + text + "': an IPv6 address stands in [ ]"};
  }
  if (!host.empty()) out.host = host;
  (void)address_of(out.host);
  out.port = static_cast<std::uint16_t>(number);
  return out;
}

}  // namespace millpool
