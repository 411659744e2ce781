#pragma once

#include "apps/millpool/logs/archive.hpp"
#include "millpool/base/atomic.hpp"
#include "millpool/sync/mutex.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace millpool::logs {

using group_number = std::uint32_t;
inline constexpr group_number no_group = static_cast<group_number>(-1);

/// A hash table from texts to group numbers. The texts live elsewhere.
class key_table {
 public:
  key_table() : slots_(smallest) {}

  /// \return the key's group, or no_group.
  [[nodiscard]] group_number find(std::uint64_t hash, std::string_view key) const noexcept {
    for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      const slot& here = slots_[at];
      if (here.key == nullptr) return no_group;
      if (here.hash == hash && std::string_view{here.key, here.size} == key) return here.group;
    }
  }
  /// REQUIRES: find() says no_group. `key` lives as long as the table.
  void add(std::uint64_t hash, std::string_view key, group_number group);

 private:
  struct slot {
    std::uint64_t hash;
    const char* key;  // null: free
    std::uint32_t size;
    group_number group;
  };
  static constexpr std::size_t smallest = 256;

  void put(const slot& one) noexcept;

  std::vector<slot> slots_;  // a power of two, at most half full
  std::size_t used_ = 0;
};

/// The groups of one question, as all workers share them: a key is given a number when it is first
/// seen anywhere, if there is room for it. There never is more room later, so a key that was given
/// none will not be. So whichever group has a number has all its lines counted.
///
/// Thread safety  every member may be called concurrently; key() for a number that was returned.
class group_names {
 public:
  /// \param  most  groups. Their keys take at most 256 bytes each, on average, or 64 KiB in all.
  explicit group_names(std::size_t most)
      : most_{most}, bytes_left_{std::max(most * 256, block_size)} {}
  group_names(const group_names&) = delete;
  group_names& operator=(const group_names&) = delete;

  struct name {
    group_number number;   ///< or no_group: there is no room
    std::string_view key;  ///< lives as long as this object
  };
  [[nodiscard]] name number(std::uint64_t hash, std::string_view key);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::string_view key(group_number number) const;

 private:
  static constexpr std::size_t block_size = std::size_t{64} * 1024;

  [[nodiscard]] name look_up(std::uint64_t hash, std::string_view key) const noexcept;
  [[nodiscard]] std::string_view keep(std::string_view key);

  const std::size_t most_;
  mutable mutex mutex_;
  std::size_t bytes_left_;  // guarded by mutex_; so the rest, until it is full
  key_table table_;
  std::vector<std::string_view> keys_;           // by number
  std::vector<std::unique_ptr<char[]>> blocks_;  // the keys' bytes
  char* free_ = nullptr;                         // in the last block
  std::size_t block_left_ = 0;                   // behind it
  atomic<bool> is_full_{false};                  // once true, nothing changes any more
};

/// One worker's counts of the groups.
///
/// Thread safety  none; the names are shared.
class group_counts {
 public:
  /// \param  names  outlives this object.
  explicit group_counts(group_names& names) : names_{&names} {}

  void add(std::string_view key);
  /// A key of eight bytes, such as the begin of a minute. Fast when it is the last one again.
  void add(std::int64_t key);

  void merge(const group_counts& other);
  void save(archive_writer& out) const;
  /// Adds what was saved, which had no more groups than these names have room for.
  void load(archive_reader& in);

  [[nodiscard]] std::uint64_t other() const noexcept { return other_; }
  /// The groups that have lines, with their counts, in no order.
  [[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> groups() const;

 private:
  void add_new(std::uint64_t hash, std::string_view key, std::uint64_t count);
  void count(group_number group, std::uint64_t lines);

  group_names* names_;
  key_table seen_;                     // what this worker has met
  std::vector<std::uint64_t> counts_;  // by group
  std::uint64_t other_ = 0;
  std::int64_t last_key_ = 0;
  group_number last_group_ = no_group;
};

}  // namespace millpool::logs
