// A coroutine that awaits tasks: it goes on, on the worker that completed the task.
#include "millpool/millpool.hpp"

#include <coroutine>
#include <iostream>
#include <latch>
#include <string>

struct fire_and_forget {
  struct promise_type {
    fire_and_forget get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

fire_and_forget greet(millpool::worker_pool& pool, std::latch& done) {
  const std::string name = co_await pool.submit([] { return std::string{"mill"}; });
  try {
    co_await pool.submit([] { throw std::runtime_error{"dry"}; });
  } catch (const std::runtime_error& error) {
    std::cout << name << ": " << error.what() << '\n';
  }
  done.count_down();
}

int main() {
  millpool::worker_pool pool;
  std::latch done{1};
  greet(pool, done);
  done.wait();
}
