#pragma once

#include <cstdint>
#include <isa-l/igzip_lib.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <zstd.h>

namespace millpool::logs::test {

/// One gzip member.
inline std::string gzip(std::string_view text) {
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  std::string from{text};
  std::string out(text.size() + text.size() / 8 + 1024, '\0');
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<std::uint8_t*>(from.data());
  stream.avail_in = static_cast<std::uint32_t>(from.size());
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = static_cast<std::uint32_t>(out.size());
  if (isal_deflate_stateless(&stream) != COMP_OK) throw std::runtime_error{"isal_deflate"};
  out.resize(stream.total_out);
  return out;
}

/// One zstd frame.
inline std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1);
  if (ZSTD_isError(size) != 0) throw std::runtime_error{ZSTD_getErrorName(size)};
  out.resize(size);
  return out;
}

}  // namespace millpool::logs::test
