#include "tests/support/allocations.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

// The other forms of the standard library end in these. Those of the sanitizers do not, so what is
// used of them is here too.

namespace {

thread_local std::uint64_t allocations = 0;
thread_local std::uint64_t allocations_max = UINT64_MAX;
std::atomic<std::uint64_t> all_allocations{0};
std::atomic<std::uint64_t> all_releases{0};

// Both relaxed: read when the threads of interest are gone, or for a difference of one thread's
// own.
void* counted(void* memory) {
  if (memory == nullptr || allocations >= allocations_max) {
    std::free(memory);  // NOLINT
    throw std::bad_alloc{};
  }
  ++allocations;
  all_allocations.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  all_releases.fetch_add(1, std::memory_order_relaxed);
  std::free(memory);  // NOLINT
}

}  // namespace

std::uint64_t millpool::test::allocations_of_this_thread() noexcept { return allocations; }

std::uint64_t millpool::test::allocations_of_all_threads() noexcept { return all_allocations; }

std::int64_t millpool::test::live_allocations() noexcept {
  return static_cast<std::int64_t>(all_allocations - all_releases);
}

millpool::test::no_memory::no_memory(std::uint64_t after) noexcept {
  allocations_max = allocations + after;
}

millpool::test::no_memory::~no_memory() { allocations_max = UINT64_MAX; }

void* operator new(std::size_t bytes) {
  return counted(std::malloc(bytes == 0 ? 1 : bytes));  // NOLINT
}

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(align, (bytes + align - 1) / align * align));  // NOLINT
}

// AddressSanitizer has these, too, whose memory must not come to our delete.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(bytes, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* operator new[](std::size_t bytes) { return ::operator new(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t& none) noexcept {
  return ::operator new(bytes, none);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return ::operator new(bytes, alignment);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t& none) noexcept {
  return ::operator new(bytes, alignment, none);
}

void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
