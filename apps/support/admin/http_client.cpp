#include "apps/support/admin/http_client.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>

#if defined(MILLPOOL_WITH_CURL)
#include <curl/curl.h>
#endif

namespace millpool::admin {

bool is_http_url(const std::string& text) noexcept {
  return text.starts_with("http://") || text.starts_with("https://");
}

#if defined(MILLPOOL_WITH_CURL)

namespace {

// \param  body  null: it is a GET.
http_answer perform(const std::string& url, const std::string* body,
                    const std::vector<std::string>& headers, duration timeout) {
  static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> to{curl_easy_init(), curl_easy_cleanup};
  if (begun != CURLE_OK || !to) return {.wrong = "libcurl cannot begin"};
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> lines{
      curl_slist_append(nullptr, "Content-Type: application/json; charset=utf-8"),
      curl_slist_free_all};
  for (const std::string& each : headers) {
    curl_slist* const more = curl_slist_append(lines.get(), each.c_str());
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
  curl_easy_setopt(to.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(to.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(to.get(), CURLOPT_HTTPHEADER, lines.get());
  if (body != nullptr) {
    curl_easy_setopt(to.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(to.get(), CURLOPT_POSTFIELDS, body->c_str());
  }
  curl_easy_setopt(to.get(), CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(to.get(), CURLOPT_WRITEDATA, &out.body);
  constexpr duration longest = std::chrono::hours{24};
  curl_easy_setopt(
      to.get(), CURLOPT_TIMEOUT_MS,
      static_cast<long>(
          std::chrono::ceil<std::chrono::milliseconds>(std::min(timeout, longest)).count()));
  curl_easy_setopt(to.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(to.get(), CURLOPT_ERRORBUFFER, error.data());
  const CURLcode sent = curl_easy_perform(to.get());
  if (sent != CURLE_OK) {
    error.resize(std::min(error.find('\0'), error.size()));
    out.wrong = error.empty() ? curl_easy_strerror(sent) : error;
    return out;
  }
  curl_easy_getinfo(to.get(), CURLINFO_RESPONSE_CODE, &out.status);
  curl_off_t wait = 0;
  curl_easy_getinfo(to.get(), CURLINFO_RETRY_AFTER, &wait);
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
