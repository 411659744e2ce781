// What the tasks of DESIGN.md section 7 do. All arithmetic is mod 2^64.
#pragma once

#include "bench/pool/figures.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <thread>

namespace bench {

static_assert(std::endian::native == std::endian::little,
              "the hashes are over little-endian bytes");

inline void spin_for(std::chrono::nanoseconds time) {
  const auto until = steady::now() + time;
  while (steady::now() < until) {
  }
}

/// Numbers for gaps and jitter: the same in every run.
class splitmix {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In (0, 1].
  double unit() { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }

 private:
  std::uint64_t state_ = 42;
};

inline constexpr std::uint64_t fnv_offset = 14695981039346656037u;
inline constexpr std::uint64_t fnv_prime = 1099511628211u;

/// From the general allocator, in the task: that is part of the work.
inline std::unique_ptr<std::uint64_t[]> filled(std::size_t words, std::uint64_t id) {
  auto buffer = std::make_unique_for_overwrite<std::uint64_t[]>(words);
  std::uint64_t x = id;
  for (std::size_t i = 0; i < words; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    buffer[i] = x;
  }
  // The bytes are looked at: without this the compiler may keep them in registers.
  asm volatile("" : : "r"(buffer.get()) : "memory");
  return buffer;
}

inline std::uint64_t hash_words(const std::uint64_t* words, std::size_t count) {
  std::uint64_t h = fnv_offset;
  for (std::size_t i = 0; i < count; ++i) h = (h ^ words[i]) * fnv_prime;
  return h;
}

/// W1: 4 KiB, hashed byte by byte.
inline std::uint64_t cpu_task(std::uint64_t id) {
  constexpr std::size_t words = 4096 / 8;
  const auto buffer = filled(words, id);
  std::uint64_t h = fnv_offset;
  for (std::size_t i = 0; i < words; ++i) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      h = (h ^ ((buffer[i] >> shift) & 0xff)) * fnv_prime;
    }
  }
  return h;
}

inline constexpr std::size_t io_words = 8192 / 8;

/// What W2 and W3 answer, without the waiting: to know what a shortened run must give.
inline std::uint64_t io_answer(std::uint64_t id) {
  return hash_words(filled(io_words, id).get(), io_words);
}

/// W2: 8 KiB, held for 1 ms.
inline std::uint64_t io_task(std::uint64_t id) {
  const auto buffer = filled(io_words, id);
  std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return hash_words(buffer.get(), io_words);
}

/// W3: the same under one of 128 permits.
inline std::counting_semaphore<128> permits{128};
inline std::uint64_t permit_task(std::uint64_t id) {
  const auto buffer = filled(io_words, id);
  permits.acquire();
  std::this_thread::sleep_for(std::chrono::milliseconds{1});
  permits.release();
  return hash_words(buffer.get(), io_words);
}

}  // namespace bench
