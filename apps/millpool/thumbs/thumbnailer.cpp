#include "apps/millpool/thumbs/thumbnailer.hpp"

#include "apps/millpool/thumbs/atomic_file.hpp"
#include "apps/millpool/thumbs/colour.hpp"
#include "apps/millpool/thumbs/resampler.hpp"

#include <algorithm>
#include <utility>

namespace millpool::thumbs {
namespace {

constexpr std::uint64_t around = std::uint64_t{512} * 1024;  // the libraries' own

// Gives each row to all sizes.
class fan_out final : public row_sink {
 public:
  void add(resampler size) { sizes_.push_back(std::move(size)); }
  void row(const std::uint8_t* pixels) override {
    for (resampler& each : sizes_) each.row(pixels);
  }
  [[nodiscard]] image take(std::size_t which) { return sizes_[which].take(); }

 private:
  std::vector<resampler> sizes_;
};

}  // namespace

thumbnailer::thumbnailer(std::unique_ptr<decoder> source, const thumbnail_settings& settings,
                         std::string dest, std::vector<std::string> paths)
    : source_{std::move(source)},
      settings_{settings},
      dest_{std::move(dest)},
      paths_{std::move(paths)} {
  const image_info& info = source_->info();
  double scale = 0;
  for (const box& size : settings.sizes) {
    placements_.push_back(place(info.width, info.height, info.orientation, size, settings.fit));
    scale = std::max(scale, placements_.back().scale());
  }
  source_->shrink_to(scale);
}

std::uint64_t thumbnailer::memory() const {
  // Of a profile the library's copy, the colour transform's, and ours.
  std::uint64_t sum =
      source_->memory() + source_->header_bytes() + source_->info().icc.size() * 3 + around;
  for (const placement& each : placements_)
    sum += resampler::memory(source_->decoded_width(), each.out_width, each.out_height);
  return sum;
}

or_failure<std::vector<made_output>> thumbnailer::make(const stop_request& stop) {
  const image_info& info = source_->info();
  const double across = static_cast<double>(source_->decoded_width()) / info.width;
  const double down = static_cast<double>(source_->decoded_height()) / info.height;
  fan_out sizes;
  for (const placement& each : placements_) {
    const region taken{.x = each.x * across,
                       .y = each.y * down,
                       .width = each.width * across,
                       .height = each.height * down};
    sizes.add(resampler{source_->decoded_width(), source_->decoded_height(), taken, each.out_width,
                        each.out_height, info.pixels == pixel_kind::rgba});
  }
  if (const auto decoded = source_->decode(sizes, stop); !decoded)
    return std::unexpected{decoded.error()};

  std::vector<made_output> made;
  for (std::size_t i = 0; i < placements_.size(); ++i) {
    if (stop()) return stopped();
    auto one = finish(sizes.take(i), i);
    if (!one) return std::unexpected{one.error()};
    made.push_back(std::move(*one));
  }
  return made;
}

or_failure<made_output> thumbnailer::finish(image small, std::size_t which) const {
  const image_info& info = source_->info();
  encoding how{.format = format_for(info.format, settings_),
               .quality = settings_.quality,
               .gray = info.gray,
               .alpha = info.pixels == pixel_kind::rgba,
               .icc = {}};
  if (settings_.keep_profile && fits_pixels(info.icc, info)) {
    how.icc = info.icc;
  } else {
    convert_to_srgb(small, info.pixels, info.icc);
  }
  if (how.alpha && how.format == output_format::jpeg) {
    flatten(small);
    how.alpha = false;
  }
  small = turned(std::move(small), info.orientation);
  const auto file = encode(small, how);
  if (!file) return std::unexpected{file.error()};
  if (const auto written = write_atomically(dest_ + "/" + paths_[which], *file); !written)
    return std::unexpected{written.error()};
  return made_output{
      .path = paths_[which], .width = small.width, .height = small.height, .bytes = file->size()};
}

}  // namespace millpool::thumbs
