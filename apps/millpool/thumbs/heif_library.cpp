#include "apps/millpool/thumbs/heif_library.hpp"

#include <dlfcn.h>
#include <optional>

namespace millpool::thumbs {
namespace {

[[nodiscard]] std::optional<heif_library> load_from(void* shared_object) {
  if (shared_object == nullptr) return std::nullopt;
  heif_library api;
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(shared_object, name));
    complete = complete && function != nullptr;
  };
  find(api.context_alloc, "heif_context_alloc");
  find(api.context_free, "heif_context_free");
  find(api.read_from_reader, "heif_context_read_from_reader");
  find(api.set_max_decoding_threads, "heif_context_set_max_decoding_threads");
  find(api.get_primary_image_handle, "heif_context_get_primary_image_handle");
  find(api.handle_release, "heif_image_handle_release");
  find(api.get_width, "heif_image_handle_get_width");
  find(api.get_height, "heif_image_handle_get_height");
  find(api.has_alpha_channel, "heif_image_handle_has_alpha_channel");
  find(api.get_raw_color_profile_size, "heif_image_handle_get_raw_color_profile_size");
  find(api.get_raw_color_profile, "heif_image_handle_get_raw_color_profile");
  find(api.decode_image, "heif_decode_image");
  find(api.image_get_width, "heif_image_get_width");
  find(api.image_get_height, "heif_image_get_height");
  find(api.get_plane_readonly, "heif_image_get_plane_readonly");
  find(api.image_release, "heif_image_release");
  if (!complete) return std::nullopt;
  return api;
}

}  // namespace

const heif_library* heif_library::load() {
  // It stays loaded until the process ends.
  static const std::optional<heif_library> loaded =
      load_from(::dlopen("libheif.so.1", RTLD_NOW | RTLD_LOCAL));
  return loaded ? &*loaded : nullptr;
}

}  // namespace millpool::thumbs
