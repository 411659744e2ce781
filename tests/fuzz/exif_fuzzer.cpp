// Whatever the bytes, the orientation is one that there is.
#include "apps/millpool/thumbs/exif_orientation.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const unsigned orientation = millpool::thumbs::exif_orientation({data, size});
  if (orientation < 1 || orientation > 8) std::abort();
  return 0;
}
