#include "apps/support/admin/http_client.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>

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

// \param  body  null: it is a GET.
http_answer perform(const std::string& url, const std::string* body,
                    const std::vector<std::string>& headers, duration timeout) {
  const curl& library = curl::here();
  if (!library.is_there()) return {.wrong = "there is no libcurl.so.4"};
  const std::unique_ptr<CURL, void (*)(CURL*)> to{library.easy_init(), library.easy_cleanup};
  if (!to) return {.wrong = "libcurl cannot begin"};
  const auto set = [&](CURLoption option, auto value) { library.setopt(to.get(), option, value); };
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> lines{
      library.slist_append(nullptr, "Content-Type: application/json; charset=utf-8"),
      library.slist_free_all};
  for (const std::string& each : headers) {
    curl_slist* const more = library.slist_append(lines.get(), each.c_str());
    if (more == nullptr) return {.wrong = "there is no memory"};
    static_cast<void>(lines.release());
    lines.reset(more);
  }
  http_answer out;
  std::string error(CURL_ERROR_SIZE, '\0');
  const auto keep = +[](char* text, std::size_t size, std::size_t count, void* into) {
    auto& all = *static_cast<std::string*>(into);
    constexpr std::size_t most = 4096;
    all.append(text, std::min(size * count, most - std::min(most, all.size())));
    return size * count;
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTPHEADER, lines.get());
  if (body != nullptr) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    set(CURLOPT_POSTFIELDS, body->c_str());
  }
  set(CURLOPT_WRITEFUNCTION, keep);
  set(CURLOPT_WRITEDATA, &out.body);
  constexpr duration longest = std::chrono::hours{24};
  set(CURLOPT_TIMEOUT_MS,
      static_cast<long>(
          std::chrono::ceil<std::chrono::milliseconds>(std::min(timeout, longest)).count()));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, error.data());
  const CURLcode sent = library.perform(to.get());
  if (sent != CURLE_OK) {
    error.resize(std::min(error.find('\0'), error.size()));
    out.wrong = error.empty() ? library.strerror(sent) : error;
    return out;
  }
  library.getinfo(to.get(), CURLINFO_RESPONSE_CODE, &out.status);
  curl_off_t wait = 0;
  library.getinfo(to.get(), CURLINFO_RETRY_AFTER, &wait);
  if (wait > 0) out.retry_after = std::chrono::seconds{wait};
  return out;
}

}  // namespace

#else

namespace {

http_answer perform(const std::string& /*url*/, const std::string* /*body*/,
                    const std::vector<std::string>& /*headers*/, duration /*timeout*/) {
  return {.wrong = "this program was built without libcurl"};
}

}  // namespace

#endif

http_answer http_post(const std::string& url, const std::string& body,
                      const std::vector<std::string>& headers, duration timeout) {
  return perform(url, &body, headers, timeout);
}

http_answer http_get(const std::string& url, const std::vector<std::string>& headers,
                     duration timeout) {
  return perform(url, nullptr, headers, timeout);
}

}  // namespace millpool::admin
