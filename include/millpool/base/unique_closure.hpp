// Layer 0 · base: the callable of a task.
#pragma once

#include "millpool/base/assert.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace millpool {

/// A callable of any type, held once: moved, never copied; small ones without an allocation.
///
/// What std::move_only_function leaves open this one states: a callable of up to `inline_bytes`,
/// not aligned more strictly than max_align_t, whose move does not throw, lies inside. Any other
/// lies in one block of the heap. Moving a unique_closure never throws.
///
/// Thread safety  none: one owner at a time.
template <class Signature, std::size_t inline_bytes = 48>
class unique_closure;

template <class R, class... Args, std::size_t inline_bytes>
class unique_closure<R(Args...), inline_bytes> {
 public:
  /// True if an F is held without an allocation.
  template <class F>
  static constexpr bool fits_inline =
      sizeof(F) <= inline_bytes &&
      alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

  unique_closure() noexcept = default;

  /// \throws what F's constructor throws; std::bad_alloc if F does not fit.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, unique_closure> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
      unique_closure(
          F&& callable) {  // NOLINT(google-explicit-constructor): converts as std::function
    using held = std::decay_t<F>;
    if constexpr (fits_inline<held>) {
      std::construct_at(static_cast<held*>(storage()), std::forward<F>(callable));
      kind_ = &inline_kind<held>;
    } else {
      *static_cast<held**>(storage()) = new held(std::forward<F>(callable));
      kind_ = &boxed_kind<held>;
    }
  }

  unique_closure(unique_closure&& other) noexcept { take(other); }
  unique_closure& operator=(unique_closure&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_closure() { reset(); }

  [[nodiscard]] explicit operator bool() const noexcept { return kind_ != nullptr; }

  R operator()(Args... args) {
    MILLPOOL_ASSERT(kind_ != nullptr, "an empty closure was called");
    return kind_->call(storage(), std::forward<Args>(args)...);
  }

  /// Destroys the callable and all that it captured.
  void reset() noexcept {
    if (kind_ != nullptr) std::exchange(kind_, nullptr)->destroy(storage());
  }

 private:
  struct operations {
    R (*call)(void* at, Args&&... args);
    void (*relocate)(void* from, void* to) noexcept;  // moves to `to` and destroys at `from`
    void (*destroy)(void* at) noexcept;
  };

  template <class F>
  static constexpr operations inline_kind{
      [](void* at, Args&&... args) -> R {
        return std::invoke_r<R>(*static_cast<F*>(at), std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept {
        std::construct_at(static_cast<F*>(to), std::move(*static_cast<F*>(from)));
        std::destroy_at(static_cast<F*>(from));
      },
      [](void* at) noexcept { std::destroy_at(static_cast<F*>(at)); }};

  template <class F>
  static constexpr operations boxed_kind{
      [](void* at, Args&&... args) -> R {
        return std::invoke_r<R>(**static_cast<F**>(at), std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept { *static_cast<F**>(to) = *static_cast<F**>(from); },
      [](void* at) noexcept { delete *static_cast<F**>(at); }};

  void take(unique_closure& other) noexcept {
    if (other.kind_ == nullptr) return;
    other.kind_->relocate(other.storage(), storage());
    kind_ = std::exchange(other.kind_, nullptr);
  }

  [[nodiscard]] void* storage() noexcept { return static_cast<void*>(storage_); }

  const operations* kind_ = nullptr;  // null: empty
  alignas(std::max_align_t) std::byte storage_[inline_bytes];
};

}  // namespace millpool
