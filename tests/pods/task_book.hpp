// Tests · pods: where every task is. Next stop: wire.hpp.
#pragma once

#include "tests/pods/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millpool::pods {

/// A broker's account of tasks, by number. Each is in one place:
///
///   waiting --give()--> with a pod --finish()--> done
///      ^--------take_back()---'
///
/// What was given back, or was with a pod that died, is the next to be given. So a task may be
/// delivered again, but is done once: what says otherwise is a fault, and changes nothing.
/// Thread safety  none.
class task_book {
 public:
  /// A new task, at the end of the queue; it gets the next number, from 0.
  void add(work task);
  /// The next that waits, for `pod`. \return none if nothing waits.
  [[nodiscard]] std::optional<work> give(unsigned pod);
  /// \return what is wrong with that, if anything.
  [[nodiscard]] std::optional<std::string> finish(unsigned pod, std::uint64_t number,
                                                  std::uint64_t checksum);
  [[nodiscard]] std::optional<std::string> take_back(unsigned pod, std::uint64_t number);
  /// All that is with `pod`. \return how many.
  std::size_t take_back_all(unsigned pod);

  [[nodiscard]] std::size_t total() const noexcept { return tasks_.size(); }
  [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }
  [[nodiscard]] std::size_t with(unsigned pod) const noexcept;
  [[nodiscard]] std::size_t done() const noexcept { return done_; }
  /// Deliveries, of which all but the first of a task are again.
  [[nodiscard]] std::size_t deliveries() const noexcept { return deliveries_; }

 private:
  enum class place : std::uint8_t { waiting, with_a_pod, done };
  struct entry {
    work task;
    place at = place::waiting;
    unsigned pod = 0;
  };
  [[nodiscard]] std::optional<std::string> fault_of(unsigned pod, std::uint64_t number) const;
  void put_back(entry& task);

  std::vector<entry> tasks_;         // by number
  std::deque<std::uint64_t> queue_;  // the numbers of those that wait
  std::map<unsigned, std::size_t> held_;
  std::size_t done_ = 0;
  std::size_t deliveries_ = 0;
};

}  // namespace millpool::pods
