#include "tests/pods/task_book.hpp"

#include <ranges>

namespace millpool::pods {

void task_book::add(work task) {
  task.number = tasks_.size();
  task.attempt = 0;
  queue_.push_back(task.number);
  tasks_.push_back({.task = task});
}

std::optional<work> task_book::give(unsigned pod) {
  if (queue_.empty()) return std::nullopt;
  entry& next = tasks_[queue_.front()];
  queue_.pop_front();
  next.at = place::with_a_pod;
  next.pod = pod;
  ++next.task.attempt;
  ++held_[pod];
  ++deliveries_;
  return next.task;
}

std::optional<std::string> task_book::finish(unsigned pod, std::uint64_t number,
                                             std::uint64_t checksum) {
  if (auto fault = fault_of(pod, number)) return fault;
  entry& task = tasks_[number];
  if (checksum != checksum_of(task.task))
    return "task " + std::to_string(number) + ": a wrong checksum of pod " + std::to_string(pod);
  task.at = place::done;
  --held_[pod];
  ++done_;
  return std::nullopt;
}

std::optional<std::string> task_book::take_back(unsigned pod, std::uint64_t number) {
  if (auto fault = fault_of(pod, number)) return fault;
  put_back(tasks_[number]);
  return std::nullopt;
}

std::size_t task_book::take_back_all(unsigned pod) {
  std::size_t count = 0;
  // From the newest to the oldest, so that the oldest is the first in the queue.
  for (entry& task : tasks_ | std::views::reverse) {
    if (with(pod) == 0) break;
    if (task.at != place::with_a_pod || task.pod != pod) continue;
    put_back(task);
    ++count;
  }
  return count;
}

std::size_t task_book::with(unsigned pod) const noexcept {
  const auto found = held_.find(pod);
  return found == held_.end() ? 0 : found->second;
}

std::optional<std::string> task_book::fault_of(unsigned pod, std::uint64_t number) const {
  const auto fault = [&](const std::string& why) {
    return "task " + std::to_string(number) + " of pod " + std::to_string(pod) + ": " + why;
  };
  if (number >= tasks_.size()) return fault("there is no such task");
  const entry& task = tasks_[number];
  if (task.at == place::done) return fault("it was done already");
  if (task.at == place::waiting) return fault("it is with nobody");
  if (task.pod != pod) return fault("it is with pod " + std::to_string(task.pod));
  return std::nullopt;
}

void task_book::put_back(entry& task) {
  task.at = place::waiting;
  --held_[task.pod];
  queue_.push_front(task.task.number);
}

}  // namespace millpool::pods
