#include "apps/support/admin/http_client.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if defined(MILLPOOL_WITH_CURL)
#include <curl/curl.h>
#include <dlfcn.h>
#endif

namespace millpool::admin {

bool is_http_url(const std::string& text) noexcept {
  return text.starts_with("http://") || text.starts_with("https://");
}

#if defined(MILLPOOL_WITH_CURL)

namespace {

// libcurl, loaded when it is first needed: it brings some thirty libraries, which at the start of
// a program would take longer than all else that happens there.
class curl {
 public:
  static const curl& here() {
    static const curl loaded;
    return loaded;
  }
  [[nodiscard]] bool is_there() const noexcept { return is_there_; }

  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) setopt = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_getinfo) getinfo = nullptr;
  decltype(&curl_easy_strerror) strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;

 private:
  curl() noexcept {
    void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    decltype(&curl_global_init) global_init = nullptr;
    const auto find = [&](const char* name, auto& into) {
      into = reinterpret_cast<std::remove_reference_t<decltype(into)>>(::dlsym(library, name));
      return into != nullptr;
    };
    is_there_ = find("curl_global_init", global_init) && find("curl_easy_init", easy_init) &&
                find("curl_easy_cleanup", easy_cleanup) && find("curl_easy_setopt", setopt) &&
                find("curl_easy_perform", perform) && find("curl_easy_getinfo", getinfo) &&
                find("curl_easy_strerror", strerror) && find("curl_slist_append", slist_append) &&
                find("curl_slist_free_all", slist_free_all) &&
                global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }

  bool is_there_ = false;
};

constexpr std::size_t body_max = 4096;

http_failure failure_of(CURLcode code) noexcept {
  switch (code) {
    case CURLE_OK:
      return http_failure::none;
    case CURLE_COULDNT_CONNECT:
      return http_failure::refused;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
      return http_failure::impossible;
    default:
      return http_failure::interrupted;
  }
}

http_answer impossible(std::string why) {
  return {.failure = http_failure::impossible, .wrong = std::move(why)};
}

}  // namespace

http_answer http_send(const http_request& request) {
  const curl& library = curl::here();
  if (!library.is_there()) return impossible("there is no libcurl.so.4");
  // Both outlast the handle, which may write there until it is gone.
  std::string error(CURL_ERROR_SIZE, '\0');
  http_answer out;
  out.body.reserve(body_max);
  const std::unique_ptr<CURL, void (*)(CURL*)> to{library.easy_init(), library.easy_cleanup};
  if (!to) return impossible("libcurl cannot begin");
  const auto set = [&](CURLoption option, auto value) { library.setopt(to.get(), option, value); };
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> lines{
      library.slist_append(nullptr, "Content-Type: application/json; charset=utf-8"),
      library.slist_free_all};
  for (const std::string& each : request.headers) {
    const auto is_control = [](char of) { return static_cast<unsigned char>(of) < 0x20; };
    if (std::ranges::any_of(each, is_control)) {
      return impossible("a header has a control character");
    }
    curl_slist* const before = lines.release();
    curl_slist* const more = library.slist_append(before, each.c_str());
    lines.reset(more != nullptr ? more : before);
    if (more == nullptr) throw std::bad_alloc{};
  }
  // No more than was reserved: it must not throw there.
  const auto keep = +[](char* text, std::size_t size, std::size_t count, void* into) {
    auto& all = *static_cast<std::string*>(into);
    all.append(text, std::min(size * count, body_max - std::min(body_max, all.size())));
    return size * count;
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTPHEADER, lines.get());
  if (request.direct) set(CURLOPT_PROXY, "");
  if (request.body) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    set(CURLOPT_POSTFIELDS, request.body->c_str());
  }
  set(CURLOPT_WRITEFUNCTION, keep);
  set(CURLOPT_WRITEDATA, &out.body);
  // To libcurl 0 would be for ever.
  constexpr duration shortest = std::chrono::milliseconds{1};
  constexpr duration longest = std::chrono::hours{24};
  const auto timeout =
      std::chrono::ceil<std::chrono::milliseconds>(std::clamp(request.timeout, shortest, longest));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, error.data());
  const CURLcode sent = library.perform(to.get());
  out.failure = failure_of(sent);
  if (sent != CURLE_OK) {
    out.wrong = error.front() != '\0' ? error.c_str() : library.strerror(sent);
    return out;
  }
  library.getinfo(to.get(), CURLINFO_RESPONSE_CODE, &out.status);
  curl_off_t wait = 0;
  library.getinfo(to.get(), CURLINFO_RETRY_AFTER, &wait);
  if (wait > 0) out.retry_after = std::chrono::seconds{wait};
  return out;
}

#else

http_answer http_send(const http_request& /*request*/) {
  return {.failure = http_failure::impossible, .wrong = "this program was built without libcurl"};
}

#endif

}  // namespace millpool::admin
