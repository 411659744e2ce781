#include "millpool/telemetry/histogram.hpp"

#include "millpool/base/assert.hpp"

#include <algorithm>
#include <cmath>

namespace millpool {
namespace {

constexpr std::uint64_t u64_max = std::numeric_limits<std::uint64_t>::max();

// A total that has come to the end of the range stays there: it must not go back (I1).
std::uint64_t add_saturated(std::uint64_t a, std::uint64_t b) noexcept {
  return a > u64_max - b ? u64_max : a + b;
}

std::uint64_t multiply_saturated(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? u64_max : product;
}

duration to_duration(std::uint64_t ns) noexcept {
  const auto longest = static_cast<std::uint64_t>(duration::max().count());
  return duration{static_cast<duration::rep>(std::min(ns, longest))};
}

}  // namespace

void histogram::record(duration time, std::uint64_t stands_for) noexcept {
  if constexpr (!metrics_are_on) return;
  const std::uint64_t ns = time < duration::zero() ? 0 : static_cast<std::uint64_t>(time.count());
  auto& bucket = in_bucket_[histogram_layout::bucket_of(ns)];

  // relaxed, all loads here: the owner is the only one who stores, so it reads its own words.
  // relaxed, these two stores: E1 carries them.
  sum_ns_.store(
      add_saturated(sum_ns_.load(std::memory_order_relaxed), multiply_saturated(ns, stands_for)),
      std::memory_order_relaxed);
  if (ns > max_ns_.load(std::memory_order_relaxed) && stands_for > 0) {
    max_ns_.store(ns, std::memory_order_relaxed);
  }
  // release: E1.
  bucket.store(bucket.load(std::memory_order_relaxed) + stands_for, std::memory_order_release);
}

histogram_snapshot histogram::snapshot() const noexcept {
  histogram_snapshot out;
  for (std::size_t i = 0; i < histogram_layout::buckets; ++i) {
    // acquire: E1.
    out.in_bucket_[i] = in_bucket_[i].load(std::memory_order_acquire);
    out.count_ += out.in_bucket_[i];
  }
  // relaxed, and after the buckets: E1 has made these cover what was counted.
  out.sum_ns_ = sum_ns_.load(std::memory_order_relaxed);
  out.max_ns_ = max_ns_.load(std::memory_order_relaxed);
  return out;
}

duration histogram::sum() const noexcept {
  return to_duration(sum_ns_.load(std::memory_order_relaxed));  // relaxed: it covers what was (I1)
}

void histogram_snapshot::merge(const histogram_snapshot& other) noexcept {
  for (std::size_t i = 0; i < in_bucket_.size(); ++i) in_bucket_[i] += other.in_bucket_[i];
  count_ += other.count_;
  sum_ns_ = add_saturated(sum_ns_, other.sum_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

duration histogram_snapshot::sum() const noexcept { return to_duration(sum_ns_); }

duration histogram_snapshot::max() const noexcept { return to_duration(max_ns_); }

duration histogram_snapshot::mean() const noexcept {
  return count_ == 0 ? duration::zero() : to_duration(sum_ns_ / count_);
}

duration histogram_snapshot::quantile(double q) const noexcept {
  MILLPOOL_ASSERT(q >= 0.0 && q <= 1.0, "a quantile lies between 0 and 1");
  if (count_ == 0) return duration::zero();

  const double rank = std::max(1.0, std::ceil(q * static_cast<double>(count_)));
  if (rank >= static_cast<double>(count_)) return max();  // the last one is known exactly

  std::size_t bucket = 0;
  std::uint64_t seen = in_bucket_[0];
  while (static_cast<double>(seen) < rank) seen += in_bucket_[++bucket];

  // The middle is at most half a bucket away from every value in it, and a bucket is at most a
  // quarter of its first value wide. Nothing exceeds max_ns_: a cut there brings it nearer, and
  // makes it max() in the overflow bucket, whose middle no duration reaches.
  const std::uint64_t first = histogram_layout::first_ns(bucket);
  const std::uint64_t middle = first + (histogram_layout::last_ns(bucket) - first) / 2;
  return to_duration(std::min(middle, max_ns_));
}

std::uint64_t histogram_snapshot::in_bucket(std::size_t bucket) const noexcept {
  MILLPOOL_ASSERT(bucket < histogram_layout::buckets, "there is no such bucket");
  return in_bucket_[bucket];
}

}  // namespace millpool
