#pragma once

#include "apps/millpool/run/argv_buffer.hpp"
#include "apps/millpool/run/job_files.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace millpool::run {

/// What one running job needs and the next one uses again.
struct slot {
  unsigned number = 0;  ///< {%}: 1 to the number of jobs at a time
  argv_buffer argv;
  std::string command;
  std::string tag;
  job_files files;
};

/// The slots of a run. A job takes the lowest free one, so that with few jobs few are ever made.
///
/// Thread safety  take() and a lease's end may happen concurrently.
class slots {
 public:
  explicit slots(unsigned count) : all_(count) {}

  class lease {
   public:
    lease(slots& home, slot& mine) : home_(home), mine_(mine) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { home_.give_back(mine_); }
    [[nodiscard]] slot& operator*() const noexcept { return mine_; }
    [[nodiscard]] slot* operator->() const noexcept { return &mine_; }

   private:
    slots& home_;
    slot& mine_;
  };

  /// REQUIRES: fewer leases than slots are out: the pool has as many workers as there are slots.
  [[nodiscard]] lease take() {
    const std::lock_guard lock{mutex_};
    std::size_t lowest = 0;
    while (all_.at(lowest).taken) ++lowest;
    entry& found = all_[lowest];
    found.taken = true;
    if (!found.body) {
      found.body = std::make_unique<slot>();
      found.body->number = static_cast<unsigned>(lowest + 1);
    }
    return {*this, *found.body};
  }

 private:
  struct entry {
    std::unique_ptr<slot> body;
    bool taken = false;
  };
  void give_back(const slot& mine) {
    const std::lock_guard lock{mutex_};
    all_[mine.number - 1].taken = false;
  }

  std::mutex mutex_;
  std::vector<entry> all_;  // guarded by mutex_
};

}  // namespace millpool::run
