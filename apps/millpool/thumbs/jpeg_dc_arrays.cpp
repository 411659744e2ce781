#include "apps/millpool/thumbs/jpeg_dc_arrays.hpp"

#include <algorithm>
#include <cstring>

namespace millpool::thumbs {
namespace {

// All memory here is libjpeg's own, and goes with the image.
struct dc_array {
  JCOEF* kept;        // rows x width
  JBLOCKARRAY strip;  // the rows that are lent
  JDIMENSION width;   // in blocks
  JDIMENSION rows;
  JDIMENSION first;  // of the rows that are lent
  JDIMENSION lent;
};

[[nodiscard]] JCOEF* kept_row(const dc_array& array, JDIMENSION row) {
  return array.kept + std::size_t{row} * array.width;
}

[[nodiscard]] dc_array& array_of(jvirt_barray_ptr handle) {
  return *reinterpret_cast<dc_array*>(handle);  // libjpeg never looks behind it
}

jvirt_barray_ptr request(j_common_ptr jpeg, int pool, boolean /*zero*/, JDIMENSION width,
                         JDIMENSION rows, JDIMENSION most_at_once) {
  auto* const array =
      static_cast<dc_array*>((*jpeg->mem->alloc_small)(jpeg, pool, sizeof(dc_array)));
  const std::size_t bytes = std::size_t{width} * rows * sizeof(JCOEF);
  *array = {.kept = static_cast<JCOEF*>((*jpeg->mem->alloc_large)(jpeg, pool, bytes)),
            .strip = (*jpeg->mem->alloc_barray)(jpeg, pool, width, most_at_once),
            .width = width,
            .rows = rows,
            .first = 0,
            .lent = 0};
  std::memset(array->kept, 0, bytes);
  return reinterpret_cast<jvirt_barray_ptr>(array);
}

void take_back(const dc_array& array) {
  for (JDIMENSION i = 0; i < array.lent; ++i) {
    JCOEF* const kept = kept_row(array, array.first + i);
    for (JDIMENSION x = 0; x < array.width; ++x) kept[x] = array.strip[i][x][0];
  }
}

void lend(dc_array& array, JDIMENSION first, JDIMENSION count) {
  array.first = first;
  array.lent = std::min(count, array.rows - std::min(first, array.rows));
  for (JDIMENSION i = 0; i < array.lent; ++i) {
    const JCOEF* const kept = kept_row(array, first + i);
    std::memset(array.strip[i], 0, array.width * sizeof(JBLOCK));
    for (JDIMENSION x = 0; x < array.width; ++x) array.strip[i][x][0] = kept[x];
  }
}

JBLOCKARRAY access(j_common_ptr /*jpeg*/, jvirt_barray_ptr handle, JDIMENSION first,
                   JDIMENSION count, boolean /*writable*/) {
  dc_array& array = array_of(handle);
  if (array.lent != 0 && first == array.first && count <= array.lent) return array.strip;
  take_back(array);
  lend(array, first, count);
  return array.strip;
}

}  // namespace

void keep_dc_only(jpeg_decompress_struct& jpeg) noexcept {
  jpeg.mem->request_virt_barray = request;
  jpeg.mem->access_virt_barray = access;
}

}  // namespace millpool::thumbs
