// Layer 2 · result: the far end of a task, as its worker sees it.
#pragma once

#include "millpool/base/atomic.hpp"
#include "millpool/base/block_cache.hpp"
#include "millpool/base/errors.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <variant>

namespace millpool {

/// Where a task reports how it ended: a future's state, a place in a result_channel, a task_group.
///
/// Protocol   the worker calls fail() at most once, then complete() exactly once, after the task's
///            callable is destroyed (promise P2). Both on the same thread; neither may throw.
/// Lifetime   counted references: the task holds one, the reader's side holds others.
class completion {
 public:
  completion(const completion&) = delete;
  completion& operator=(const completion&) = delete;

  /// The task threw `error`; complete(failed) follows.
  virtual void fail(std::exception_ptr error) noexcept = 0;

  /// The task ended. Publishes the result: what the worker did before is visible to who reads it.
  virtual void complete(task_state state) noexcept = 0;

  /// The tag by which a waiter finds the waiting tasks that it waits for: this object, unless
  /// several share one. Only ever compared.
  [[nodiscard]] const void* owner() const noexcept { return owner_ != nullptr ? owner_ : this; }

  void add_reference() noexcept {
    // relaxed: who adds one already holds one.
    references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release_reference() noexcept {
    // acq_rel: all that the others did to the object happens-before its destruction.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

 protected:
  completion() = default;
  explicit completion(const void* owner) noexcept : owner_{owner} {}
  virtual ~completion() = default;
  virtual void destroy() noexcept { delete this; }

 private:
  atomic<std::uint32_t> references_{1};
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

/// A completion that lies in a block of base/block_cache.hpp, and gives it back at its end.
template <class C>
class cached final : public C {
 public:
  template <class... Args>
  [[nodiscard]] static completion_ref<C> make(Args&&... args) {
    void* const block = allocate();
    try {
      return completion_ref<C>{
          std::construct_at(static_cast<cached*>(block), std::forward<Args>(args)...)};
    } catch (...) {
      deallocate(block);
      throw;
    }
  }

  template <class... Args>
  explicit cached(Args&&... args) : C{std::forward<Args>(args)...} {}

 private:
  void destroy() noexcept override {
    std::destroy_at(this);
    deallocate(this);
  }

  // Results that are aligned more strictly than blocks are go their own way.
  static constexpr bool over_aligned = alignof(C) > block_alignment;

  [[nodiscard]] static void* allocate() {
    if constexpr (over_aligned)
      return ::operator new (sizeof(cached), std::align_val_t{alignof(C)});
    return allocate_block(sizeof(cached));
  }
  static void deallocate(void* block) noexcept {
    if constexpr (over_aligned) return ::operator delete (block, std::align_val_t{alignof(C)});
    deallocate_block(block, sizeof(cached));
  }
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
  result_slot() = default;
  explicit result_slot(const void* owner) noexcept : completion{owner} {}

  // Written by the worker before complete(), read by the other side after it.
  std::optional<stored<T>> value_;
  std::exception_ptr error_;
};

}  // namespace millpool
