#include "apps/millpool/thumbs/resampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

namespace millpool::thumbs {
namespace {

constexpr double lobes = 3.0;

// A pixel: one vector register.
using vec = float __attribute__((vector_size(16)));

[[nodiscard]] vec load_vec(const float* from) noexcept {
  vec value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
void store_vec(float* to, vec value) noexcept { std::memcpy(to, &value, sizeof value); }

[[nodiscard]] double lanczos(double x) {
  if (std::abs(x) < 1e-9) return 1.0;
  if (std::abs(x) >= lobes) return 0.0;
  const double angle = std::numbers::pi * x;
  return lobes * std::sin(angle) * std::sin(angle / lobes) / (angle * angle);
}

[[nodiscard]] std::uint8_t to_byte(float value) noexcept {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

}  // namespace

kernel::kernel(std::uint32_t in_size, double from, double length, std::uint32_t out_size) noexcept
    : from_{from}, ratio_{length / out_size}, stretch_{std::max(1.0, ratio_)}, in_size_(in_size) {}

kernel::span kernel::operator[](std::uint32_t out) const noexcept {
  const double centre = centre_of(out);
  const double reach = lobes * stretch_;
  const double begin = std::clamp(std::floor(centre - reach), 0.0, in_size_ - 1.0);
  const double end = std::clamp(std::ceil(centre + reach), begin + 1, in_size_);
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

std::size_t kernel::most() const noexcept {
  return static_cast<std::size_t>(std::ceil(lobes * stretch_)) * 2 + 1;
}

float kernel::weight(std::uint32_t out, std::uint32_t in) const noexcept {
  return static_cast<float>(lanczos((in + 0.5 - centre_of(out)) / stretch_));
}

filter::filter(const kernel& weigh, std::uint32_t out_size) {
  pixels_.reserve(out_size);
  weights_.reserve(out_size * weigh.most());
  for (std::uint32_t out = 0; out < out_size; ++out) {
    const kernel::span from = weigh[out];
    const std::size_t begin = weights_.size();
    double sum = 0;
    for (std::uint32_t in = from.begin; in < from.end; ++in)
      sum += weights_.emplace_back(weigh.weight(out, in));
    for (std::size_t i = begin; i < weights_.size(); ++i)
      weights_[i] = static_cast<float>(weights_[i] / sum);
    pixels_.push_back({from.begin, from.end - from.begin, begin});
  }
}

resampler::resampler(std::uint32_t in_width, std::uint32_t in_height, const region& taken,
                     std::uint32_t out_width, std::uint32_t out_height, bool alpha)
    : across_{kernel{in_width, taken.x, taken.width, out_width}, out_width},
      down_{in_height, taken.y, taken.height, out_height},
      alpha_{alpha},
      loaded_(std::size_t{in_width} * 4),
      narrow_(std::size_t{out_width} * 4),
      out_{.width = out_width, .height = out_height, .pixels = {}} {
  out_.pixels.resize(out_.stride() * out_height);
  std::size_t open = 1;
  for (std::uint32_t first = 0, row = 0; row < out_height; ++row) {
    while (down_[first].end <= down_[row].begin) ++first;
    open = std::max<std::size_t>(open, row - first + 1);
  }
  rings_ = open;
  sums_.resize(rings_ * out_.stride());
  sum_weights_.resize(rings_);
}

std::uint64_t resampler::memory(std::uint32_t in_width, std::uint32_t out_width,
                                std::uint32_t out_height) noexcept {
  // A row as numbers, the weights, and some unfinished rows; the result, turned and written.
  return std::uint64_t{in_width} * 48 + std::uint64_t{out_width} * 256 +
         std::uint64_t{out_width} * out_height * 12;
}

void resampler::row(const std::uint8_t* pixels) {
  const std::uint32_t y = next_in_++;
  if (next_out_ == out_.height || y < down_[next_out_].begin) return;  // cut off
  load(pixels);
  filter_row();
  for (std::uint32_t out = next_out_; out < out_.height && down_[out].begin <= y; ++out)
    add_to(out, down_.weight(out, y));
  while (next_out_ < out_.height && down_[next_out_].end == y + 1) finish(next_out_++);
}

void resampler::load(const std::uint8_t* pixels) noexcept {
  const std::size_t count = loaded_.size();
  float* const to = loaded_.data();
  for (std::size_t i = 0; i < count; ++i) to[i] = pixels[i];
  if (!alpha_) return;
  for (std::size_t i = 0; i < count; i += 4) {
    const float alpha = to[i + 3] / 255.0F;
    for (std::size_t c = 0; c < 3; ++c) to[i + c] *= alpha;
  }
}

void resampler::filter_row() noexcept {
  for (std::uint32_t x = 0; x < out_.width; ++x) {
    const filter::span span = across_[x];
    const float* from = loaded_.data() + std::size_t{span.first} * 4;
    vec sum{};
    for (std::uint32_t i = 0; i < span.count; ++i, from += 4)
      sum += load_vec(from) * span.weights[i];
    store_vec(narrow_.data() + std::size_t{x} * 4, sum);
  }
}

float* resampler::sum_of(std::uint32_t out_row) noexcept {
  return sums_.data() + out_row % rings_ * narrow_.size();
}

void resampler::add_to(std::uint32_t out_row, float weight) noexcept {
  sum_weights_[out_row % rings_] += weight;
  float* const sum = sum_of(out_row);
  const float* const row = narrow_.data();
  const std::size_t count = narrow_.size();
  for (std::size_t i = 0; i < count; ++i) sum[i] += row[i] * weight;
}

void resampler::finish(std::uint32_t out_row) noexcept {
  float* const sum = sum_of(out_row);
  std::uint8_t* const to = out_.pixels.data() + out_row * out_.stride();
  const float one = 1.0F / std::exchange(sum_weights_[out_row % rings_], 0.0F);
  for (std::size_t i = 0; i < narrow_.size(); i += 4) {
    const float alpha = alpha_ ? std::clamp(sum[i + 3] * one, 0.0F, 255.0F) : 255.0F;
    const float scale = !alpha_ ? one : alpha > 0.0F ? one * 255.0F / alpha : 0.0F;
    for (std::size_t c = 0; c < 3; ++c) to[i + c] = to_byte(sum[i + c] * scale);
    to[i + 3] = to_byte(alpha_ ? alpha : sum[i + 3] * one);
  }
  std::fill_n(sum, narrow_.size(), 0.0F);
}

}  // namespace millpool::thumbs
