#include "apps/millpool/thumbs/content_hash.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

namespace millpool::thumbs {

or_failure<std::string> content_hash(const std::string& path, const stop_request& stop) {
  constexpr std::uint64_t prime = 1099511628211U;
  auto file = byte_source::open(path);
  if (!file) return std::unexpected{file.error()};
  std::uint64_t hash = 14695981039346656037U ^ file->size();
  std::vector<std::uint8_t> chunk(std::size_t{256} * 1024);
  for (std::uint64_t at = 0;;) {
    if (stop()) return stopped();
    const std::size_t got = file->read_at(chunk, at);
    if (file->error() != 0) return std::unexpected{file->short_read()};
    at += got;
    for (std::size_t i = 0; i < got; i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, chunk.data() + i, std::min(sizeof word, got - i));
      hash = (hash ^ word) * prime;
      hash ^= hash >> 32;  // a word's upper half reaches the lower one
    }
    if (got < chunk.size()) break;
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return std::string{text};
}

}  // namespace millpool::thumbs
