// Layer 2 · result: how one task ended, as a value.
#pragma once

#include "millpool/base/errors.hpp"
#include "millpool/result/completion.hpp"

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace millpool {

/// A value, an error, or a stop: one of the three ways in which a task ends.
///
///   succeeded                                  value() returns it
///   failed                                     value() rethrows the task's exception
///   cancelled, expired, discarded, abandoned   value() throws task_stopped
///
/// Thread safety  as for any value.
template <class T>
class [[nodiscard]] result {
 public:
  result(std::optional<stored<T>>&& value, std::exception_ptr error, task_state state)
      : value_{std::move(value)}, error_{std::move(error)}, state_{state} {}

  /// Without a value. \param  error  null unless the task failed.
  result(std::exception_ptr error, task_state state) noexcept
      : error_{std::move(error)}, state_{state} {}

  [[nodiscard]] task_state state() const noexcept { return state_; }
  [[nodiscard]] bool has_value() const noexcept { return state_ == task_state::succeeded; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

  /// The exception that value() would throw; null if there is a value.
  [[nodiscard]] std::exception_ptr error() const {
    if (has_value()) return nullptr;
    return error_ ? error_ : std::make_exception_ptr(task_stopped{state_});
  }

  T value() && {
    throw_unless_succeeded();
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }
  const stored<T>& value() const& {
    throw_unless_succeeded();
    return *value_;
  }

 private:
  void throw_unless_succeeded() const {
    if (!has_value()) std::rethrow_exception(error());
  }

  std::optional<stored<T>> value_;  // holds a value <=> succeeded
  std::exception_ptr error_;
  task_state state_;
};

}  // namespace millpool
