// What is left of a JPEG file is no longer than it was, and cutting it again changes nothing.
#include "apps/millpool/thumbs/jpeg_scans.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using millpool::thumbs::keep_dc_scans;
  std::vector<std::uint8_t> once(data, data + size);
  if (!keep_dc_scans(once)) return 0;
  if (once.size() > size) std::abort();
  std::vector<std::uint8_t> twice = once;
  if (!keep_dc_scans(twice) || twice != once) std::abort();
  return 0;
}
