#include "apps/millpool/thumbs/colour.hpp"

#include <lcms2.h>
#include <memory>
#include <string_view>

namespace millpool::thumbs {
namespace {

struct close_profile {
  void operator()(void* profile) const noexcept { cmsCloseProfile(profile); }
};
struct delete_transform {
  void operator()(void* transform) const noexcept { cmsDeleteTransform(transform); }
};
struct delete_context {
  void operator()(cmsContext context) const noexcept { cmsDeleteContext(context); }
};
using profile_ptr = std::unique_ptr<void, close_profile>;
using transform_ptr = std::unique_ptr<void, delete_transform>;
using context_ptr = std::unique_ptr<std::remove_pointer_t<cmsContext>, delete_context>;

// The colour space that an ICC profile's header names: "RGB ", "CMYK", "GRAY".
[[nodiscard]] std::string_view space_of(const std::string& icc) {
  constexpr std::size_t header = 128;
  return icc.size() < header ? "" : std::string_view{icc}.substr(16, 4);
}

[[nodiscard]] bool convert(image& picture, cmsUInt32Number format, const std::string& icc) {
  const context_ptr context{cmsCreateContext(nullptr, nullptr)};
  const profile_ptr from{cmsOpenProfileFromMemTHR(context.get(), icc.data(),
                                                  static_cast<cmsUInt32Number>(icc.size()))};
  const profile_ptr to{cmsCreate_sRGBProfileTHR(context.get())};
  if (from == nullptr || to == nullptr) return false;
  const transform_ptr transform{cmsCreateTransformTHR(context.get(), from.get(), format, to.get(),
                                                      TYPE_RGBA_8, INTENT_PERCEPTUAL, 0)};
  if (transform == nullptr) return false;
  // In place: it reads a pixel before it writes it, and leaves the fourth byte alone.
  cmsDoTransform(transform.get(), picture.pixels.data(), picture.pixels.data(),
                 picture.width * picture.height);
  return true;
}

void make_opaque(image& picture) {
  for (std::size_t i = 3; i < picture.pixels.size(); i += 4) picture.pixels[i] = 255;
}

// Ink over ink, each taking away its share of the light.
void convert_cmyk_without_profile(image& picture) {
  for (std::size_t i = 0; i < picture.pixels.size(); i += 4) {
    std::uint8_t* const pixel = picture.pixels.data() + i;
    const unsigned light = 255U - pixel[3];
    for (std::size_t c = 0; c < 3; ++c)
      pixel[c] = static_cast<std::uint8_t>(((255U - pixel[c]) * light + 127) / 255);
  }
}

}  // namespace

void convert_to_srgb(image& picture, pixel_kind pixels, const std::string& icc) {
  if (pixels == pixel_kind::cmyk) {
    if (space_of(icc) != "CMYK" || !convert(picture, TYPE_CMYK_8, icc))
      convert_cmyk_without_profile(picture);
    make_opaque(picture);
    return;
  }
  const std::string_view space = space_of(icc);
  if (space == "RGB ") static_cast<void>(convert(picture, TYPE_RGBA_8, icc));
  // Of a gray image the first of the equal colours; the three behind it are passed over.
  if (space == "GRAY") {
    constexpr cmsUInt32Number first_of_four =
        COLORSPACE_SH(PT_GRAY) | EXTRA_SH(3) | CHANNELS_SH(1) | BYTES_SH(1);
    static_cast<void>(convert(picture, first_of_four, icc));
  }
}

bool fits_pixels(const std::string& icc, const image_info& info) {
  if (info.pixels == pixel_kind::cmyk) return false;
  return space_of(icc) == (info.gray ? "GRAY" : "RGB ");
}

}  // namespace millpool::thumbs
