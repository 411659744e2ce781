// Layer 2 · result: the far end of a task, as its worker sees it.
#pragma once

#include "millpool/base/errors.hpp"
#include "millpool/result/publication.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <utility>
#include <variant>

namespace millpool {

/// Where a task reports how it ended: a future's state, a place in a result_channel, a task_group.
///
/// Protocol   the worker calls fail() at most once, then complete() exactly once, after the task's
///            callable is destroyed (promise P2). Both on the same thread; neither may throw.
/// Lifetime   counted references: the task holds one, which complete() gives up; the reader's side
///            holds others.
class completion {
 public:
  completion(const completion&) = delete;
  completion& operator=(const completion&) = delete;

  /// The task threw `error`; complete(failed) follows.
  virtual void fail(std::exception_ptr error) noexcept = 0;

  /// The task ended. Publishes the result: what the worker did before is visible to who reads it.
  /// Takes over the caller's reference.
  virtual void complete(task_state state) noexcept = 0;

  /// The tag by which a waiter finds the waiting tasks that it waits for: this object, unless
  /// several share one. Only ever compared.
  [[nodiscard]] const void* owner() const noexcept { return owner_ != nullptr ? owner_ : this; }

  /// By what the task is told to stop, if its submission named nothing else; or null. Does not
  /// change while the task is inside.
  [[nodiscard]] const std::stop_token* stop_token() const noexcept { return stop_token_; }

  void add_reference() noexcept { published_.add_reference(); }
  void release_reference() noexcept {
    if (published_.release_reference()) destroy();
  }

 protected:
  /// \param  references  how many there are already, the task's among them.
  explicit completion(const void* owner = nullptr, std::uint32_t references = 1) noexcept
      : published_{references}, owner_{owner} {}
  virtual ~completion() = default;
  virtual void destroy() noexcept { delete this; }

  publication published_;
  const std::stop_token* stop_token_ = nullptr;

 private:
  const void* owner_ = nullptr;
};

/// A counted reference to a completion, or to a type derived from it; or null.
template <class C>
class completion_ref {
 public:
  completion_ref() noexcept = default;
  /// Takes over one reference that the caller held.
  explicit completion_ref(C* adopted) noexcept : at_{adopted} {}
  completion_ref(const completion_ref& other) noexcept : at_{other.at_} {
    if (at_ != nullptr) at_->add_reference();
  }
  completion_ref(completion_ref&& other) noexcept : at_{std::exchange(other.at_, nullptr)} {}
  template <class D>
  requires std::is_convertible_v<D*, C*> completion_ref(completion_ref<D> other)
  noexcept  // NOLINT(google-explicit-constructor): upcast
      : at_{other.release()} {}
  completion_ref& operator=(completion_ref other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  ~completion_ref() {
    if (at_ != nullptr) at_->release_reference();
  }

  [[nodiscard]] C* get() const noexcept { return at_; }
  [[nodiscard]] C* operator->() const noexcept { return at_; }
  [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
  [[nodiscard]] C* release() noexcept { return std::exchange(at_, nullptr); }

 private:
  C* at_ = nullptr;
};

/// The value that stands for "no value" where T is void.
template <class T>
using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What a completion of a task with a result keeps until complete().
template <class T>
class result_slot : public completion {
  static_assert(std::is_void_v<T> || std::is_object_v<T>,
                "a task returns a value or nothing; return std::ref(x) for a reference");

 public:
  using kept_type = T;

  /// Calls `f(args...)` and keeps what it returns. \throws what f, or moving its result, throws.
  template <class F, class... Args>
  void keep_result_of(F& f, Args&... args) {
    if constexpr (std::is_void_v<T>) {
      f(args...);
      value_.emplace();
    } else {
      value_.emplace(f(args...));
    }
  }

  void fail(std::exception_ptr error) noexcept final { error_ = std::move(error); }

 protected:
  explicit result_slot(const void* owner = nullptr, std::uint32_t references = 1) noexcept
      : completion{owner, references} {}

  // Written by the worker before complete(), read by the other side after it.
  std::optional<stored<T>> value_;
  std::exception_ptr error_;
};

}  // namespace millpool
