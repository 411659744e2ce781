// Layer 2 · result: the meeting point of one task and the one who waits for it.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/result/publication.hpp"
#include "millpool/result/result.hpp"

#include <cstdint>
#include <exception>
#include <utility>

namespace millpool {

/// The state behind a future<T>.
template <class T>
class result_state : public result_slot<T> {
 public:
  /// References: the task's, and that of a future that is made with it.
  static constexpr std::uint32_t with_future = 2;

  /// \param  owner  the tag of the task that this result waits for, if that is another's: then().
  explicit result_state(const clock& time, const void* owner = nullptr,
                        std::uint32_t references = 1) noexcept
      : result_slot<T>{owner, references}, time_{&time} {}

  void complete(task_state state) noexcept override {
    state_ = state;
    if (this->published_.publish()) this->destroy();
  }

  [[nodiscard]] bool is_ready() const noexcept { return this->published_.is_ready(); }
  bool wait_until(time_point deadline) noexcept {
    if (is_ready()) return true;
    // What then() gives may outlive the task whose tag it has.
    const bool is_tasks_own = this->owner() == static_cast<const completion*>(this);
    return this->published_.wait(
        this->owner(), *time_, deadline,
        is_tasks_own ? task_wait::yields::gladly : task_wait::yields::unseen);
  }
  [[nodiscard]] bool attach(continuation* next) noexcept { return this->published_.attach(next); }
  [[nodiscard]] const clock& time() const noexcept { return *time_; }

  // REQUIRES: is_ready().
  [[nodiscard]] task_state state() const noexcept { return state_; }
  [[nodiscard]] result<T> take() {
    // Moved out, value or error alike: what the task made is destroyed by who took it, whichever
    // thread lets go of this state last. But an abandoned task still runs, and may yet write both:
    // they are not looked at.
    if (state_ == task_state::succeeded) return {std::move(this->value_), nullptr, state_};
    if (state_ == task_state::abandoned) return {nullptr, state_};
    return {std::move(this->error_), state_};
  }

 private:
  task_state state_{};
  const clock* time_;
};

}  // namespace millpool
