// The pool of every textbook: a mutex, a deque, two condition variables. Bounded, as ours is.
#include "bench/pool/subject_main.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {

template <class T>
class textbook_queue {
 public:
  explicit textbook_queue(std::size_t capacity) : capacity_{capacity} {}

  /// \param  wait_for_room  false where the caller is one of those who make room.
  void push(T value, bool wait_for_room = true) {
    std::unique_lock lock{mutex_};
    if (wait_for_room) not_full_.wait(lock, [&] { return values_.size() < capacity_; });
    values_.push_back(std::move(value));
    lock.unlock();
    not_empty_.notify_one();
  }
  bool pop(T& value) {
    std::unique_lock lock{mutex_};
    not_empty_.wait(lock, [&] { return closed_ || !values_.empty(); });
    if (values_.empty()) return false;
    value = std::move(values_.front());
    values_.pop_front();
    lock.unlock();
    not_full_.notify_one();
    return true;
  }
  void close() {
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    not_empty_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable not_full_;
  std::size_t capacity_;
  std::deque<T> values_;  // guarded by mutex_, as is closed_
  bool closed_ = false;
};

class textbook_pool {
 public:
  static constexpr bool bounded = true;

  textbook_pool(unsigned workers, std::size_t capacity) : queue_{capacity} {
    for (unsigned i = 0; i < workers; ++i) {
      threads_.emplace_back([this] {
        for (task each; queue_.pop(each); each = nullptr) each();
      });
    }
  }
  ~textbook_pool() { queue_.close(); }

  template <class F>
  void post(F f) {
    queue_.push(task{std::move(f)});
  }
  template <class F>
  void spawn(F f) {
    queue_.push(task{std::move(f)}, false);
  }
  template <class F>
  auto submit(F f) {
    std::packaged_task<decltype(f())()> packaged{std::move(f)};
    auto future = packaged.get_future();
    post(std::move(packaged));
    return future;
  }
  template <class F>
  std::uint64_t collect(std::uint64_t tasks, F f) {
    textbook_queue<std::uint64_t> results{1024};
    const std::jthread producer{[&] {
      for (std::uint64_t id = 0; id < tasks; ++id) post([&results, f, id] { results.push(f(id)); });
    }};
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      std::uint64_t value = 0;
      results.pop(value);
      sum += value;
    }
    close_and_join();  // a worker may still be in the last push
    return sum;
  }

 private:
  using task = std::move_only_function<void()>;

  void close_and_join() {
    queue_.close();
    threads_.clear();
  }

  textbook_queue<task> queue_;
  std::vector<std::jthread> threads_;  // joined before the queue goes
};

}  // namespace

int main(int argc, char** argv) {
  return bench::subject_main<textbook_pool>(argc, argv, "textbook pool: mutex, deque, condition");
}
