// Layer 0 · base: memory for the small things that every task needs once.
//
// Blocks of three sizes, kept for reuse by the whole process, so that a submission allocates
// nothing once what it needs has been there before.
//
// Cost           a block's way out and back takes two or three nanoseconds and no lock: each thread
//                keeps free blocks of its own. It exchanges them with the others by half of what it
//                may keep, so a block that one thread takes and another gives back costs each of
//                them one 32nd of a turn of the lock.
// Bounded        by the two constants below. What comes back beyond them is freed; a thread that
//                ends hands its blocks to the others.
// Thread safety  all may be called concurrently, and at any time: also while thread-local and
//                static objects are destroyed, and in a forked child.
// Under AddressSanitizer, which is to see each block freed, all comes from operator new.
#pragma once

#include <cstddef>

namespace millpool {

/// The largest block; the others are of half and a quarter of it. What is larger comes from
/// operator new.
inline constexpr std::size_t block_bytes_max = 256;
/// Blocks begin at a cache line, so that two tasks never share one.
inline constexpr std::size_t block_alignment = 64;

/// How many free blocks of each size a thread keeps.
inline constexpr std::size_t thread_blocks_max = 64;
/// How many more all threads keep together.
inline constexpr std::size_t shared_blocks_max = 4096;

/// \return at least `bytes` bytes, aligned to block_alignment. \throws std::bad_alloc.
[[nodiscard]] void* allocate_block(std::size_t bytes);

/// \param  bytes  as it was asked for.
void deallocate_block(void* block, std::size_t bytes) noexcept;

/// Frees the blocks that the calling thread keeps, and those that all keep together.
void trim_blocks() noexcept;

}  // namespace millpool
