#include "apps/millpool/thumbs/codecs.hpp"
#include "apps/millpool/thumbs/heif_library.hpp"

#include <memory>
#include <utility>

namespace millpool::thumbs {
namespace {

// libheif decodes an image in one call, to all of its pixels, turned as they are to be seen. So the
// deadline is looked at before and after that call only.
class heif_decoder final : public decoder {
 public:
  explicit heif_decoder(byte_source file) : decoder{std::move(file)} {}

  [[nodiscard]] std::uint64_t memory() const override;
  [[nodiscard]] or_failure<void> decode(row_sink& out, const stop_request& stop) override;

 private:
  [[nodiscard]] or_failure<void> read_header() override;
  [[nodiscard]] static heif_reader read_from_file() noexcept;
  [[nodiscard]] std::unexpected<failure> why(const heif_error& error) const;

  const heif_library* api_ = nullptr;
  std::uint64_t offset_ = 0;
  std::unique_ptr<heif_context, decltype(heif_library::context_free)> context_{nullptr, nullptr};
  std::unique_ptr<heif_image_handle, decltype(heif_library::handle_release)> handle_{nullptr,
                                                                                     nullptr};
};

// libheif reads what describes the images, and later the data of the one that it decodes.
heif_reader heif_decoder::read_from_file() noexcept {
  heif_reader reader{};
  reader.reader_api_version = 1;
  reader.get_position = [](void* self) {
    return static_cast<std::int64_t>(static_cast<heif_decoder*>(self)->offset_);
  };
  reader.read = [](void* to, std::size_t size, void* decoder) {
    auto& self = *static_cast<heif_decoder*>(decoder);
    const std::size_t got =
        self.file_.read_at({static_cast<std::uint8_t*>(to), size}, self.offset_);
    self.offset_ += got;
    return got == size ? 0 : 1;
  };
  reader.seek = [](std::int64_t position, void* self) {
    static_cast<heif_decoder*>(self)->offset_ = static_cast<std::uint64_t>(position);
    return 0;
  };
  reader.wait_for_file_size = [](std::int64_t size, void* self) {
    return static_cast<std::uint64_t>(size) <= static_cast<heif_decoder*>(self)->file_.size()
               ? heif_reader_grow_status_size_reached
               : heif_reader_grow_status_size_beyond_eof;
  };
  return reader;
}

or_failure<void> heif_decoder::read_header() {
  api_ = heif_library::load();
  if (api_ == nullptr) {
    return fail(failure_kind::unsupported,
                "it is a HEIF image, and the library libheif is not installed (libheif1)");
  }
  context_ = {api_->context_alloc(), api_->context_free};
  if (context_ == nullptr) return fail(failure_kind::too_big, "no memory for libheif");
  api_->set_max_decoding_threads(context_.get(), 0);  // the pool's workers are the threads here
  static const heif_reader reader = read_from_file();
  const heif_error read = api_->read_from_reader(context_.get(), &reader, this, nullptr);
  if (read.code != heif_error_Ok) return why(read);
  heif_image_handle* handle = nullptr;
  const heif_error found = api_->get_primary_image_handle(context_.get(), &handle);
  if (found.code != heif_error_Ok) return why(found);
  handle_ = {handle, api_->handle_release};
  const int width = api_->get_width(handle);
  const int height = api_->get_height(handle);
  if (width <= 0 || height <= 0) return fail(failure_kind::damaged, "HEIF: the image has no size");
  info_.format = image_format::heif;
  set_size(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height));
  if (api_->has_alpha_channel(handle) != 0) info_.pixels = pixel_kind::rgba;
  info_.icc.resize(api_->get_raw_color_profile_size(handle));
  if (!info_.icc.empty() &&
      api_->get_raw_color_profile(handle, info_.icc.data()).code != heif_error_Ok) {
    info_.icc.clear();
  }
  return {};
}

std::uint64_t heif_decoder::memory() const {
  // The planes, libheif's copy of them, and RGBA.
  return file_.size() + std::uint64_t{info_.width} * info_.height * 10;
}

or_failure<void> heif_decoder::decode(row_sink& out, const stop_request& stop) {
  if (stop()) return stopped();
  heif_image* decoded = nullptr;
  const heif_error error = api_->decode_image(handle_.get(), &decoded, heif_colorspace_RGB,
                                              heif_chroma_interleaved_RGBA, nullptr);
  if (error.code != heif_error_Ok) return why(error);
  const std::unique_ptr<heif_image, decltype(heif_library::image_release)> owner{
      decoded, api_->image_release};
  if (stop()) return stopped();
  int stride = 0;
  const std::uint8_t* const plane =
      api_->get_plane_readonly(decoded, heif_channel_interleaved, &stride);
  if (plane == nullptr || stride <= 0) return fail(failure_kind::damaged, "HEIF: no pixels");
  // The header's size stands in a box of its own, and the coded image need not have it.
  const auto row_bytes = static_cast<std::size_t>(stride);
  if (api_->image_get_width(decoded, heif_channel_interleaved) != static_cast<int>(info_.width) ||
      api_->image_get_height(decoded, heif_channel_interleaved) != static_cast<int>(info_.height) ||
      row_bytes < std::size_t{info_.width} * 4) {
    return fail(failure_kind::damaged, "HEIF: the image has another size than its header says");
  }
  for (std::size_t y = 0; y < info_.height; ++y) out.row(plane + y * row_bytes);
  return {};
}

std::unexpected<failure> heif_decoder::why(const heif_error& error) const {
  if (file_.error() != 0) return std::unexpected{file_.short_read()};
  const std::string sentence = std::string("HEIF: ") + error.message;
  if (error.subcode == heif_suberror_End_of_data) return fail(failure_kind::truncated, sentence);
  switch (error.code) {
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
    case heif_error_Color_profile_does_not_exist:
      return fail(failure_kind::unsupported, sentence);
    case heif_error_Memory_allocation_error:
      return fail(failure_kind::too_big, sentence);
    default:
      return fail(failure_kind::damaged, sentence);
  }
}

}  // namespace

std::unique_ptr<decoder> heif_decoder_for(byte_source file) {
  return std::make_unique<heif_decoder>(std::move(file));
}

}  // namespace millpool::thumbs
