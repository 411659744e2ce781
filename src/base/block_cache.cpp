#include "millpool/base/block_cache.hpp"

#include <new>
#include <utility>

namespace millpool {

block_cache::~block_cache() {
  while (free_ != nullptr) ::operator delete(std::exchange(free_, free_->next));
}

void* block_cache::allocate(std::size_t bytes) {
  if (bytes > block_bytes) return ::operator new(bytes);
  {
    const std::lock_guard lock{mutex_};
    if (free_ != nullptr) {
      --kept_;
      return std::exchange(free_, free_->next);
    }
  }
  return ::operator new(block_bytes);
}

void block_cache::deallocate(void* block, std::size_t bytes) noexcept {
  if (bytes <= block_bytes) {
    const std::lock_guard lock{mutex_};
    if (kept_ < kept_max_) {
      ++kept_;
      free_ = std::construct_at(static_cast<free_block*>(block), free_block{free_});
      return;
    }
  }
  ::operator delete(block);
}

}  // namespace millpool
