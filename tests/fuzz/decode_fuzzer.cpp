// A file of any content is decoded or refused, in bounded memory. Rows have the width that the
// header promised, and there are no more of them than that.
#include "apps/millpool/thumbs/decoder.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace {

struct counter final : millpool::thumbs::row_sink {
  std::size_t width = 0;
  std::uint64_t rows = 0;
  unsigned sum = 0;
  void row(const std::uint8_t* pixels) override {
    ++rows;
    for (std::size_t i = 0; i < width * 4; ++i) sum += pixels[i];
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millpool;
  const app::unique_fd file{::memfd_create("image", MFD_CLOEXEC)};
  if (::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  auto opened = thumbs::open_image("/proc/self/fd/" + std::to_string(file.get()));
  if (!opened) return 0;
  thumbs::decoder& image = **opened;
  if (image.info().width == 0 || image.info().height == 0) std::abort();
  image.shrink_to(size % 2 == 0 ? 0.01 : 1.0);
  constexpr std::uint64_t most = 1 << 22;
  if (image.memory() > most || std::uint64_t{image.info().width} * image.info().height > most)
    return 0;
  counter rows;
  rows.width = image.decoded_width();
  unsigned asked = 0;
  const auto done = image.decode(rows, [&] { return ++asked > 100'000; });
  if (rows.rows > image.decoded_height()) std::abort();
  if (done && rows.rows != image.decoded_height()) std::abort();
  return 0;
}
