#include "millpool/base/block_cache.hpp"

#include "millpool/base/cache_line.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <new>
#include <pthread.h>
#include <utility>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

namespace millpool {
namespace {

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
constexpr bool keeps_blocks = false;
#else
constexpr bool keeps_blocks = true;
#endif

// ---- sizes

constexpr std::size_t smallest = block_bytes_max / 4;
constexpr std::size_t size_count = 3;

// 0, 1, 2: the smallest size that holds so many bytes, at most block_bytes_max.
constexpr std::size_t size_for(std::size_t bytes) noexcept {
  return std::size_t{bytes > smallest} + std::size_t{bytes > 2 * smallest};
}
constexpr std::size_t bytes_of(std::size_t size) noexcept { return smallest << size; }
static_assert(bytes_of(size_for(block_bytes_max)) == block_bytes_max);

void* new_block(std::size_t bytes) {
  return ::operator new (bytes, std::align_val_t{block_alignment});
}
void delete_block(void* block) noexcept {
  ::operator delete (block, std::align_val_t{block_alignment});
}

// ---- what all threads keep together

/// A mutex of the kind that spins before it sleeps, where the C library has it: it is held for some
/// tens of nanoseconds. (The lock of sync/ is a layer above.)
class short_mutex {
 public:
  void lock() noexcept { pthread_mutex_lock(&mutex_); }
  void unlock() noexcept { pthread_mutex_unlock(&mutex_); }

 private:
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
  pthread_mutex_t mutex_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
#else
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
#endif
};

class depot {
 public:
  // Moves up to `wanted` blocks to `to`. \return how many.
  std::size_t take(std::size_t size, void** to, std::size_t wanted) noexcept {
    const std::lock_guard lock{mutex_};
    const std::size_t taken = std::min(wanted, kept_[size]);
    kept_[size] -= taken;
    std::copy_n(blocks_[size].begin() + static_cast<std::ptrdiff_t>(kept_[size]), taken, to);
    return taken;
  }

  // Takes in the first of `count` blocks, as many as there is room for. \return how many.
  std::size_t give(std::size_t size, void* const* from, std::size_t count) noexcept {
    const std::lock_guard lock{mutex_};
    const std::size_t given = std::min(count, shared_blocks_max - kept_[size]);
    std::copy_n(from, given, blocks_[size].begin() + static_cast<std::ptrdiff_t>(kept_[size]));
    kept_[size] += given;
    return given;
  }

  // Held over a fork(), so that the child finds it free and whole.
  void lock() noexcept { mutex_.lock(); }
  void unlock() noexcept { mutex_.unlock(); }

 private:
  alignas(cache_line_size) short_mutex mutex_;
  std::array<std::size_t, size_count> kept_{};  // guarded by mutex_: how many
  std::array<std::array<void*, shared_blocks_max>, size_count> blocks_{};  // guarded by mutex_
};

// Needs no code to come to life, and never dies: blocks come back while static objects are
// destroyed.
constinit depot shared;

// Registered when the program is loaded, and not by the first who comes: a child may be forked just
// while that one is at it, and would wait for it for ever.
[[maybe_unused]] const int registered =
    pthread_atfork([] { shared.lock(); }, [] { shared.unlock(); }, [] { shared.unlock(); });

// ---- what a thread keeps

/// Free blocks, for their thread alone.
///
/// State       fresh --its first block--> open --the end of the thread--> ended
/// Invariants
///   I1  of each size it keeps kept[size] <= room blocks, which lie first in blocks[size].
///   I2  unless it is open, room is 0. So the ordinary way asks only whether there is a block, or
///       room; the state is a matter for when there is none.
struct thread_blocks {
  enum class state : std::uint8_t { fresh, open, ended };

  std::array<std::size_t, size_count> kept{};
  std::size_t room = 0;
  state is = state::fresh;
  std::array<std::array<void*, thread_blocks_max>, size_count> blocks{};
};

constexpr std::size_t half = thread_blocks_max / 2;

// Has no destructor, so it can be used until the very end of its thread.
constinit thread_local thread_blocks mine;

void give_back(std::size_t size, void* const* blocks, std::size_t count) noexcept {
  const std::size_t given = shared.give(size, blocks, count);
  std::for_each(blocks + given, blocks + count, delete_block);
}

/// Ends the use of `mine`, among the destructors of its thread.
struct thread_end {
  ~thread_end() {
    mine.is = thread_blocks::state::ended;
    mine.room = 0;  // I2
    for (std::size_t size = 0; size < size_count; ++size) {
      give_back(size, mine.blocks[size].data(), std::exchange(mine.kept[size], 0));
    }
  }
};

// Returns whether the calling thread may keep blocks.
bool open() noexcept {
  if (mine.is == thread_blocks::state::fresh && keeps_blocks) {
    static thread_local const thread_end at_the_end;
    static_cast<void>(at_the_end);
    mine.is = thread_blocks::state::open;
    mine.room = thread_blocks_max;
  }
  return mine.is == thread_blocks::state::open;
}

// None is left: half as many as may be kept come from the others, if they have any.
[[gnu::noinline]] void* allocate_from_others(std::size_t size) {
  if (open()) {
    auto& blocks = mine.blocks[size];
    const std::size_t taken = shared.take(size, blocks.data(), half);
    if (taken > 0) {
      mine.kept[size] = taken - 1;
      return blocks[taken - 1];
    }
  }
  return new_block(bytes_of(size));
}

// There is no room: half of the blocks go to the others, those that were kept longest.
[[gnu::noinline]] void deallocate_to_others(void* block, std::size_t size) noexcept {
  if (!open()) return delete_block(block);
  auto& blocks = mine.blocks[size];
  std::size_t& kept = mine.kept[size];
  if (kept == thread_blocks_max) {
    give_back(size, blocks.data(), half);
    std::copy(blocks.begin() + half, blocks.end(), blocks.begin());
    kept -= half;
  }
  blocks[kept++] = block;
}

}  // namespace

void* allocate_block(std::size_t bytes) {
  if (bytes > block_bytes_max) return new_block(bytes);
  const std::size_t size = size_for(bytes);
  std::size_t& kept = mine.kept[size];
  if (kept == 0) return allocate_from_others(size);
  return mine.blocks[size][--kept];
}

void deallocate_block(void* block, std::size_t bytes) noexcept {
  if (bytes > block_bytes_max) return delete_block(block);
  const std::size_t size = size_for(bytes);
  std::size_t& kept = mine.kept[size];
  if (kept == mine.room) return deallocate_to_others(block, size);
  mine.blocks[size][kept++] = block;
}

void trim_blocks() noexcept {
  for (std::size_t size = 0; size < size_count; ++size) {
    auto& blocks = mine.blocks[size];
    std::size_t count = std::exchange(mine.kept[size], 0);
    do {
      std::for_each_n(blocks.begin(), count, delete_block);
      count = shared.take(size, blocks.data(), blocks.size());
    } while (count > 0);
  }
}

}  // namespace millpool
