#include "apps/millpool/logs/groups.hpp"

#include "apps/millpool/logs/hash.hpp"

#include <algorithm>
#include <cstring>

namespace millpool::logs {

void key_table::add(std::uint64_t hash, std::string_view key, group_number group) {
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<slot> larger(slots_.size() * 2);
    std::swap(larger, slots_);
    for (const slot& each : larger) {
      if (each.key != nullptr) put(each);
    }
  }
  ++used_;
  put({hash, key.data(), static_cast<std::uint32_t>(key.size()), group});
}

void key_table::put(const slot& one) noexcept {
  std::size_t at = one.hash & (slots_.size() - 1);
  while (slots_[at].key != nullptr) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = one;
}

group_names::name group_names::look_up(std::uint64_t hash, std::string_view key) const noexcept {
  const group_number found = table_.find(hash, key);
  if (found == no_group) return {no_group, {}};
  return {found, keys_[found]};
}

group_names::name group_names::number(std::uint64_t hash, std::string_view key) {
  // acquire: all that was put before it was full.
  if (is_full_.load(std::memory_order_acquire)) return look_up(hash, key);
  const lock_guard lock{mutex_};
  if (const name known = look_up(hash, key); known.number != no_group) return known;
  // So little is left that hardly a key fits: looking for the few that do would take the lock for
  // every line of another group.
  if (keys_.size() == most_ || bytes_left_ < most_ * 4) {
    // release: see above.
    is_full_.store(true, std::memory_order_release);
  }
  // relaxed: it changes under the lock only.
  if (is_full_.load(std::memory_order_relaxed) || key.size() > bytes_left_) return {no_group, {}};
  const std::string_view kept = keep(key);
  const auto given = static_cast<group_number>(keys_.size());
  keys_.push_back(kept);
  table_.add(hash, kept, given);
  return {given, kept};
}

std::string_view group_names::keep(std::string_view key) {
  bytes_left_ -= key.size();
  if (free_ == nullptr || key.size() > block_left_) {
    block_left_ = std::max(block_size, key.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_left_));
    free_ = blocks_.back().get();
  }
  const std::string_view kept{free_, key.size()};
  std::copy(key.begin(), key.end(), free_);
  free_ += key.size();
  block_left_ -= key.size();
  return kept;
}

std::size_t group_names::size() const {
  const lock_guard lock{mutex_};
  return keys_.size();
}

std::string_view group_names::key(group_number number) const {
  const lock_guard lock{mutex_};
  return keys_[number];
}

void group_counts::add(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  const group_number group = seen_.find(hash, key);
  if (group != no_group) [[likely]] {
    ++counts_[group];
  } else {
    add_new(hash, key, 1);
  }
}

void group_counts::add(std::int64_t key) {
  if (key == last_key_ && last_group_ != no_group) [[likely]] {
    ++counts_[last_group_];
    return;
  }
  char bytes[sizeof key];
  std::memcpy(bytes, &key, sizeof key);
  const std::string_view text{bytes, sizeof key};
  add(text);
  last_key_ = key;
  last_group_ = seen_.find(hash_of(text), text);
}

void group_counts::add_new(std::uint64_t hash, std::string_view key, std::uint64_t count_of) {
  const auto [group, kept] = names_->number(hash, key);
  if (group == no_group) {
    other_ += count_of;
    return;
  }
  if (seen_.find(hash, kept) == no_group) seen_.add(hash, kept, group);
  count(group, count_of);
}

void group_counts::count(group_number group, std::uint64_t lines) {
  if (group >= counts_.size()) counts_.resize(std::max<std::size_t>(group + 1, counts_.size() * 2));
  counts_[group] += lines;
}

void group_counts::merge(const group_counts& other) {
  for (group_number group = 0; group < other.counts_.size(); ++group) {
    if (other.counts_[group] > 0) count(group, other.counts_[group]);
  }
  other_ += other.other_;
}

std::vector<std::pair<std::string_view, std::uint64_t>> group_counts::groups() const {
  std::vector<std::pair<std::string_view, std::uint64_t>> out;
  for (group_number group = 0; group < counts_.size(); ++group) {
    if (counts_[group] > 0) out.emplace_back(names_->key(group), counts_[group]);
  }
  return out;
}

void group_counts::save(archive_writer& out) const {
  const auto all = groups();
  out.put<std::uint64_t>(all.size());
  for (const auto& [key, lines] : all) {
    out.put(key);
    out.put(lines);
  }
  out.put(other_);
}

void group_counts::load(archive_reader& in) {
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    const std::string_view key = in.get_text();
    add_new(hash_of(key), key, in.get<std::uint64_t>());
  }
  other_ += in.get<std::uint64_t>();
}

}  // namespace millpool::logs
