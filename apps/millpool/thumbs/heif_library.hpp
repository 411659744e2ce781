#pragma once

#include <libheif/heif.h>

namespace millpool::thumbs {

/// libheif, loaded when the first HEIF file turns up: it and what it needs are larger than the rest
/// of the program, and few trees have such files.
struct heif_library {
  decltype(&heif_context_alloc) context_alloc = nullptr;
  decltype(&heif_context_free) context_free = nullptr;
  decltype(&heif_context_read_from_reader) read_from_reader = nullptr;
  decltype(&heif_context_set_max_decoding_threads) set_max_decoding_threads = nullptr;
  decltype(&heif_context_get_primary_image_handle) get_primary_image_handle = nullptr;
  decltype(&heif_image_handle_release) handle_release = nullptr;
  decltype(&heif_image_handle_get_width) get_width = nullptr;
  decltype(&heif_image_handle_get_height) get_height = nullptr;
  decltype(&heif_image_handle_has_alpha_channel) has_alpha_channel = nullptr;
  decltype(&heif_image_handle_get_raw_color_profile_size) get_raw_color_profile_size = nullptr;
  decltype(&heif_image_handle_get_raw_color_profile) get_raw_color_profile = nullptr;
  decltype(&heif_decode_image) decode_image = nullptr;
  decltype(&heif_image_get_width) image_get_width = nullptr;
  decltype(&heif_image_get_height) image_get_height = nullptr;
  decltype(&heif_image_get_plane_readonly) get_plane_readonly = nullptr;
  decltype(&heif_image_release) image_release = nullptr;

  /// Loads it once. \return null if it is not installed.
  [[nodiscard]] static const heif_library* load();
};

}  // namespace millpool::thumbs
