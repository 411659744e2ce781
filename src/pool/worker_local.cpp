#include "millpool/pool/worker_local.hpp"

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace millpool::detail {
namespace {

/// The places that are in use, of all threads.
class place_register {
 public:
  [[nodiscard]] std::pair<std::size_t, std::uint64_t> take() {
    const lock_guard lock{mutex_};
    ++generation_;
    if (free_.empty()) return {made_++, generation_};
    const std::size_t index = free_.back();
    free_.pop_back();
    return {index, generation_};
  }
  void give_back(std::size_t index) {
    const lock_guard lock{mutex_};
    free_.push_back(index);
  }

 private:
  mutex mutex_;
  std::uint64_t generation_ = 0;  // guarded by mutex_, as is all that follows
  std::size_t made_ = 0;
  std::vector<std::size_t> free_;
};

place_register& places() {
  static place_register all;
  return all;
}

struct entry {
  std::uint64_t generation = 0;
  void* value = nullptr;
};

thread_local std::vector<entry> entries_of_this_thread;

}  // namespace

thread_place::thread_place() { std::tie(index_, generation_) = places().take(); }

thread_place::~thread_place() { places().give_back(index_); }

void*& thread_place::of_this_thread() const {
  std::vector<entry>& mine = entries_of_this_thread;
  if (index_ >= mine.size()) mine.resize(index_ + 1);
  entry& here = mine[index_];
  if (here.generation != generation_) here = {generation_, nullptr};
  return here.value;
}

}  // namespace millpool::detail
