// Layer 0 · base: memory for the small things that every task needs once.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

namespace millpool {

/// Blocks of one size, kept for reuse, so that a submission allocates nothing once the pool is
/// warm.
///
/// Bounded        keeps at most `kept_max` free blocks; what comes back beyond that is freed.
/// Lifetime       held by shared_ptr: by the pool, and by each thing that lies in one of its
///                blocks, since a future may outlive its pool.
/// Thread safety  both members may be called concurrently.
class block_cache {
 public:
  static constexpr std::size_t block_bytes = 192;

  explicit block_cache(std::size_t kept_max) noexcept : kept_max_{kept_max} {}
  ~block_cache();
  block_cache(const block_cache&) = delete;
  block_cache& operator=(const block_cache&) = delete;

  /// \return at least `bytes` bytes, aligned as operator new aligns. More than block_bytes come
  /// from
  ///         the general allocator.
  /// \throws std::bad_alloc.
  [[nodiscard]] void* allocate(std::size_t bytes);
  void deallocate(void* block, std::size_t bytes) noexcept;

 private:
  struct free_block {
    free_block* next;
  };

  const std::size_t kept_max_;
  // std::mutex and not the shim of sync/, which is a layer above; nothing waits while it is held.
  std::mutex mutex_;
  free_block* free_ = nullptr;  // guarded by mutex_
  std::size_t kept_ = 0;        // guarded by mutex_: the length of free_
};

}  // namespace millpool
