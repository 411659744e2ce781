#include "apps/millpool/thumbs/encoder.hpp"

#include "apps/millpool/thumbs/jpeg_errors.hpp"

#include <cstdlib>
#include <memory>
#include <span>
#include <spng.h>
#include <webp/encode.h>
#include <webp/mux.h>

namespace millpool::thumbs {
namespace {

using bytes = std::vector<std::uint8_t>;

// ---- JPEG

struct jpeg_output {
  jpeg_errors errors;
  jpeg_compress_struct jpeg{};
  unsigned char* data = nullptr;
  unsigned long size = 0;

  jpeg_output() { jpeg.err = errors.manager(); }
  jpeg_output(const jpeg_output&) = delete;
  jpeg_output& operator=(const jpeg_output&) = delete;
  ~jpeg_output() {
    jpeg_destroy_compress(&jpeg);
    std::free(data);  // NOLINT: libjpeg allocates it with malloc
  }
};

// Calls libjpeg only: it may be left by longjmp.
void write_jpeg(jpeg_output& out, const image& picture, const encoding& how) {
  jpeg_compress_struct& jpeg = out.jpeg;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &out.data, &out.size);
  jpeg.image_width = picture.width;
  jpeg.image_height = picture.height;
  jpeg.input_components = 4;
  jpeg.in_color_space = JCS_EXT_RGBX;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, how.gray ? JCS_GRAYSCALE : JCS_YCbCr);
  jpeg_set_quality(&jpeg, how.quality, TRUE);
  jpeg.optimize_coding = TRUE;
  jpeg_start_compress(&jpeg, TRUE);
  if (!how.icc.empty()) {
    jpeg_write_icc_profile(&jpeg, reinterpret_cast<const JOCTET*>(how.icc.data()),
                           static_cast<unsigned>(how.icc.size()));
  }
  while (jpeg.next_scanline < jpeg.image_height) {
    const std::uint8_t* const row = picture.pixels.data() + jpeg.next_scanline * picture.stride();
    JSAMPROW rows[] = {const_cast<JSAMPROW>(row)};  // libjpeg does not write to it
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
}

[[nodiscard]] or_failure<bytes> encode_jpeg(const image& picture, const encoding& how) {
  jpeg_output out;
  if (!out.errors.run([&] { write_jpeg(out, picture, how); }))
    return fail(failure_kind::write_failed, "cannot encode as JPEG: " + out.errors.why().sentence);
  return bytes(out.data, out.data + out.size);
}

// ---- PNG

struct free_encoder {
  void operator()(spng_ctx* context) const noexcept { spng_ctx_free(context); }
};
struct free_memory {
  void operator()(void* memory) const noexcept { std::free(memory); }  // NOLINT: from malloc
};

// Without the bytes that say nothing: a fourth that is no alpha, colours that are equal.
[[nodiscard]] bytes packed(const image& picture, const encoding& how) {
  bytes out;
  out.reserve(picture.pixels.size());
  for (std::size_t i = 0; i < picture.pixels.size(); i += 4) {
    const std::uint8_t* const pixel = picture.pixels.data() + i;
    out.insert(out.end(), pixel, pixel + (how.gray ? 1 : 3));
    if (how.alpha) out.push_back(pixel[3]);
  }
  return out;
}

[[nodiscard]] std::uint8_t colour_type(const encoding& how) {
  if (how.gray) return how.alpha ? SPNG_COLOR_TYPE_GRAYSCALE_ALPHA : SPNG_COLOR_TYPE_GRAYSCALE;
  return how.alpha ? SPNG_COLOR_TYPE_TRUECOLOR_ALPHA : SPNG_COLOR_TYPE_TRUECOLOR;
}

[[nodiscard]] or_failure<bytes> encode_png(const image& picture, const encoding& how) {
  const std::unique_ptr<spng_ctx, free_encoder> png{spng_ctx_new(SPNG_CTX_ENCODER)};
  const bytes pixels = packed(picture, how);
  spng_ihdr header{.width = picture.width,
                   .height = picture.height,
                   .bit_depth = 8,
                   .color_type = colour_type(how),
                   .compression_method = 0,
                   .filter_method = 0,
                   .interlace_method = 0};
  spng_set_option(png.get(), SPNG_ENCODE_TO_BUFFER, 1);
  int error = spng_set_ihdr(png.get(), &header);
  std::string icc = how.icc;  // libspng wants to be able to write to it
  if (error == 0 && !icc.empty()) {
    spng_iccp profile{.profile_name = "ICC", .profile_len = icc.size(), .profile = icc.data()};
    error = spng_set_iccp(png.get(), &profile);
  }
  if (error == 0) {
    error = spng_encode_image(png.get(), pixels.data(), pixels.size(), SPNG_FMT_PNG,
                              SPNG_ENCODE_FINALIZE);
  }
  std::size_t size = 0;
  std::unique_ptr<void, free_memory> data;
  if (error == 0) data.reset(spng_get_png_buffer(png.get(), &size, &error));
  if (error != 0 || data == nullptr)
    return fail(failure_kind::write_failed,
                std::string("cannot encode as PNG: ") + spng_strerror(error));
  const auto* const begin = static_cast<const std::uint8_t*>(data.get());
  return bytes(begin, begin + size);
}

// ---- WebP

struct webp_output {
  WebPPicture picture{};
  WebPMemoryWriter writer{};

  webp_output() { WebPMemoryWriterInit(&writer); }
  webp_output(const webp_output&) = delete;
  webp_output& operator=(const webp_output&) = delete;
  ~webp_output() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&writer);
  }
};

[[nodiscard]] or_failure<bytes> with_profile(bytes file, const std::string& icc) {
  const std::unique_ptr<WebPMux, decltype(&WebPMuxDelete)> mux{WebPMuxNew(), WebPMuxDelete};
  const WebPData image{file.data(), file.size()};
  const WebPData profile{reinterpret_cast<const std::uint8_t*>(icc.data()), icc.size()};
  WebPData all{};
  bytes out;
  if (WebPMuxSetImage(mux.get(), &image, 0) == WEBP_MUX_OK &&
      WebPMuxSetChunk(mux.get(), "ICCP", &profile, 0) == WEBP_MUX_OK &&
      WebPMuxAssemble(mux.get(), &all) == WEBP_MUX_OK) {
    out.assign(all.bytes, all.bytes + all.size);
  }
  WebPDataClear(&all);
  if (out.empty()) return fail(failure_kind::write_failed, "cannot put the profile into the WebP");
  return out;
}

[[nodiscard]] or_failure<bytes> encode_webp(const image& picture, const encoding& how) {
  WebPConfig config;
  webp_output out;
  const auto no = [] { return fail(failure_kind::write_failed, "cannot encode as WebP"); };
  if (WebPConfigPreset(&config, WEBP_PRESET_PHOTO, static_cast<float>(how.quality)) == 0 ||
      WebPPictureInit(&out.picture) == 0) {
    return no();
  }
  out.picture.width = static_cast<int>(picture.width);
  out.picture.height = static_cast<int>(picture.height);
  out.picture.writer = WebPMemoryWrite;
  out.picture.custom_ptr = &out.writer;
  const auto import = how.alpha ? WebPPictureImportRGBA : WebPPictureImportRGBX;
  if (import(&out.picture, picture.pixels.data(), static_cast<int>(picture.stride())) == 0 ||
      WebPEncode(&config, &out.picture) == 0) {
    return no();
  }
  bytes file(out.writer.mem, out.writer.mem + out.writer.size);
  return how.icc.empty() ? or_failure<bytes>{std::move(file)}
                         : with_profile(std::move(file), how.icc);
}

}  // namespace

or_failure<std::vector<std::uint8_t>> encode(const image& picture, const encoding& how) {
  switch (how.format) {
    case output_format::png:
      return encode_png(picture, how);
    case output_format::webp:
      return encode_webp(picture, how);
    case output_format::jpeg:
      break;
  }
  return encode_jpeg(picture, how);
}

}  // namespace millpool::thumbs
