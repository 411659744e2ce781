#pragma once

#include <cstddef>
#include <cstdio>  // jpeglib.h needs it
#include <jpeglib.h>

namespace millpool::thumbs {

/// Lets libjpeg keep, of all the coefficients of a multi-scan image, the DC alone: 2 bytes a block
/// in the place of 128. For an image whose scans have nothing else (keep_dc_scans()).
///
/// libjpeg asks for arrays of blocks, and then for some rows of them at a time: those rows are made
/// from what is kept, and taken back when it asks for others.
/// REQUIRES: called between jpeg_read_header() and jpeg_start_decompress().
void keep_dc_only(jpeg_decompress_struct& jpeg) noexcept;

}  // namespace millpool::thumbs
