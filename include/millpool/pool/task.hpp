// Layer 3 · pool: a task on its way from submit to its result. Next stop: src/pool/pool_core.cpp.
#pragma once

#include "millpool/base/block_cache.hpp"
#include "millpool/base/clock.hpp"
#include "millpool/channel/serial_keys.hpp"
#include "millpool/pool/task_options.hpp"
#include "millpool/result/completion.hpp"
#include "millpool/telemetry/trace_context.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace millpool {

/// What can be submitted: called once, as f(task_context&) if it can be, else as f().
template <class F>
concept submittable = std::move_constructible<std::decay_t<F>> &&
    (std::invocable<std::decay_t<F>&, task_context&> || std::invocable<std::decay_t<F>&>);

namespace detail {

template <class F>
decltype(auto) call_task(F& f, task_context& context) {
  if constexpr (std::invocable<F&, task_context&>) {
    return f(context);
  } else {
    return f();
  }
}

}  // namespace detail

/// What a task gives to its future.
template <submittable F>
using task_result =
    decltype(detail::call_task(std::declval<std::decay_t<F>&>(), std::declval<task_context&>()));

class deadline_stop;

/// Of a task whose submitter works for a trace.
struct task_trace {
  trace_context works_for;  ///< as its submitter; or for its submission, once on_span hears of it
  time_point submitted{};   ///< of one that on_span hears of
};

/// What few tasks ask for, in a block of its own.
struct task_extras {
  std::stop_token stop_token{};
  class_record* of_class = nullptr;
  /// Not started by then: expired. A running task is told to stop.
  time_point deadline = no_deadline;
  time_point start_by = no_deadline;  ///< not started by then: expired
  duration timeout = duration::max();
  unsigned attempt = 1;
  std::uint32_t fair_weight = 1;
  unsigned lane = 0;
  /// Where it was taken from, for one with a serial_key: see task_channel::put_back().
  bool was_put_off = false;
  std::uint64_t number = 0;
  /// Held from where it is taken to its end: its own, or its class's limit.
  std::optional<millpool::serial_key> serial_key{};
  std::optional<std::uint64_t> fair_key{};
  std::unique_ptr<task_trace> trace{};  ///< null: it works for none
  /// Made when the running task first asks for its stop_token(), and then the extras' own.
  atomic<deadline_stop*> stop{nullptr};

  struct give_back {
    // Not inline: most tasks have none, and are moved often.
    void operator()(task_extras* block) const noexcept;
  };
};
static_assert(sizeof(task_extras) <= 128, "two blocks of the next size are twice the memory");
using task_extras_ptr = std::unique_ptr<task_extras, task_extras::give_back>;

inline unsigned task_context::attempt() const noexcept {
  return asked_ != nullptr ? asked_->attempt : 1;
}

/// How to treat the two words of a task: one constant for each type of closure.
struct task_kind {
  /// Calls the closure, and destroys it whatever happens. The result goes where it belongs.
  void (*run)(std::uint64_t a, std::uint64_t b, task_context& context);
  /// Destroys the closure without a call.
  void (*drop)(std::uint64_t a, std::uint64_t b) noexcept;
  /// Where the task reports, or null: posted. Valid before and after run() and drop().
  completion* (*target)(std::uint64_t a, std::uint64_t b) noexcept;
  bool has_extras;      ///< b is a task_extras*, or 0
  bool is_forked_half;  ///< see join(): it counts as a task only once somebody else takes it
  const std::type_info* closure;  ///< what people are told of it
};

/// A task, as three words that own nothing: for a container that keeps words, and for who looks at
/// a task.
///
///   closure                                        a                    b
///   up to 16 bytes, trivially copyable, posted     its bytes            its bytes
///   up to 8 bytes, the same, of a task_group       its bytes            the completion*
///   else, in a block of its own                    the block            the extras, or 0
///   with a result: in one block with the result    the block            the extras, or 0
///
/// So a small task costs no allocation, and moving one is three words and no call.
struct task_words {
  const task_kind* kind;
  std::uint64_t a;
  std::uint64_t b;

  [[nodiscard]] completion* target() const noexcept {
    return kind->target != nullptr ? kind->target(a, b) : nullptr;
  }
  [[nodiscard]] task_extras* extras() const noexcept {
    return kind->has_extras ? std::bit_cast<task_extras*>(b) : nullptr;
  }
  [[nodiscard]] class_record* of_class() const noexcept {
    const task_extras* const asked = extras();
    return asked != nullptr ? asked->of_class : nullptr;
  }
  [[nodiscard]] bool is_forked_half() const noexcept { return kind->is_forked_half; }

  /// By what it is told to stop: what its submission named, or else its target. A copy, since a
  /// task that is abandoned may outlive both.
  [[nodiscard]] std::stop_token stop_token() const noexcept {
    const task_extras* const asked = extras();
    if (asked != nullptr && asked->stop_token.stop_possible()) return asked->stop_token;
    const completion* const told = target();
    if (told != nullptr && told->stop_token() != nullptr) return *told->stop_token();
    return {};
  }

  /// The tag by which a waiter finds its own tasks, in the channel and in its worker's deque.
  [[nodiscard]] const void* owner() const noexcept {
    const completion* const told = target();
    return told != nullptr ? told->owner() : nullptr;
  }
};

/// A task between its acceptance and its end.
///
/// State                                           where it lies
///   waiting --begin--> running --end--> ended     waiting: in a channel, or a worker's deque
///                                                 running: on a worker's stack
///   waiting ----------------end--> ended          cancelled, expired or discarded before its start
/// Invariants
///   I1  it ends exactly once (promise P1); whoever took it from where it waited sees to that.
///   I2  the closure is destroyed before the completion is told (promise P2).
class queued_task : private task_words {
 public:
  /// No task.
  queued_task() noexcept : task_words{} {}
  /// Takes over the task that these words are.
  explicit queued_task(const task_words& words) noexcept : task_words{words} {}
  queued_task(queued_task&& other) noexcept : task_words{other.release()} {}
  queued_task& operator=(queued_task&& other) noexcept {
    queued_task{std::move(other)}.swap(*this);
    return *this;
  }
  /// A task that was never accepted: its completion, if any, is not told.
  ~queued_task() {
    if (kind == nullptr) return;
    completion* const told = target();
    const task_extras_ptr gone{extras()};
    kind->drop(a, b);
    if (told != nullptr) told->release_reference();
  }

  [[nodiscard]] explicit operator bool() const noexcept { return kind != nullptr; }
  [[nodiscard]] const task_kind* its_kind() const noexcept { return kind; }

  using task_words::extras;
  using task_words::is_forked_half;
  using task_words::of_class;
  using task_words::owner;
  using task_words::stop_token;
  using task_words::target;

  /// Calls the closure, and destroys it. The completion is then the caller's to tell, and the
  /// extras are the caller's to give back: read both before. So for drop(), which does not call.
  void run(task_context& context) && { std::exchange(kind, nullptr)->run(a, b, context); }
  void drop() && noexcept { std::exchange(kind, nullptr)->drop(a, b); }

  /// Ends it without a call (I2).
  void end(task_state state) && noexcept {
    completion* const told = target();
    const task_extras_ptr gone{extras()};
    std::move(*this).drop();
    if (told != nullptr) told->complete(state);
  }

  /// Lets go of it: the words are the task. Afterwards there is none here.
  task_words release() noexcept { return {std::exchange(kind, nullptr), a, b}; }

 private:
  void swap(queued_task& other) noexcept {
    std::swap(static_cast<task_words&>(*this), static_cast<task_words&>(other));
  }
};

namespace detail {

/// Memory for a T: a block, or what operator new gives where T is aligned more strictly.
template <class T>
[[nodiscard]] void* allocate_for() {
  if constexpr (alignof(T) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    return ::operator new (sizeof(T), std::align_val_t{alignof(T)});
  } else {
    return allocate_block(sizeof(T));
  }
}
template <class T>
void deallocate_for(void* memory) noexcept {
  if constexpr (alignof(T) > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    ::operator delete (memory, sizeof(T), std::align_val_t{alignof(T)});
  } else {
    deallocate_block(memory, sizeof(T));
  }
}

/// Makes a T there. \throws what its constructor throws; std::bad_alloc.
template <class T, class... Args>
[[nodiscard]] T* make_in_block(Args&&... args) {
  void* const memory = allocate_for<T>();
  try {
    return ::new (memory) T(std::forward<Args>(args)...);
  } catch (...) {
    deallocate_for<T>(memory);
    throw;
  }
}

template <class F, std::size_t bytes>
inline constexpr bool fits_words =
    sizeof(F) <= bytes && alignof(F) <= alignof(std::uint64_t) &&
    std::is_trivially_copyable_v<F>&& std::is_trivially_destructible_v<F>;

/// A closure in a task's words.
template <class F, std::size_t count>
struct worded {
  /// Its word `i`. One by one, and a half as a half: so they stay in registers. An array would be
  /// written in pieces and read back as a vector, which waits for the store buffer.
  template <std::size_t i>
  static std::uint64_t word_of(const F& f) noexcept {
    constexpr std::size_t first = i * sizeof(std::uint64_t);
    constexpr std::size_t size = std::is_empty_v<F> ? 0 : sizeof(F);
    if constexpr (size <= first) {
      return 0;
    } else if constexpr (size - first == sizeof(std::uint32_t) &&
                         std::endian::native == std::endian::little) {
      std::uint32_t half = 0;
      std::memcpy(&half, bytes_of(f) + first, sizeof half);
      return half;
    } else {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes_of(f) + first, std::min(size - first, sizeof word));
      return word;
    }
  }
  static void call(const std::array<std::uint64_t, count>& words, task_context& context) {
    alignas(F) std::byte bytes[sizeof(F)];
    if constexpr (!std::is_empty_v<F>) std::memcpy(bytes, words.data(), sizeof(F));
    static_cast<void>(call_task(*std::launder(reinterpret_cast<F*>(bytes)), context));
  }

 private:
  static const std::byte* bytes_of(const F& f) noexcept {
    return reinterpret_cast<const std::byte*>(std::addressof(f));
  }
};

template <class F>
inline constexpr task_kind posted_in_words{
    [](std::uint64_t a, std::uint64_t b, task_context& context) {
      worded<F, 2>::call({a, b}, context);
    },
    [](std::uint64_t, std::uint64_t) noexcept {},
    nullptr,
    false,
    false,
    &typeid(F)};

template <class F>
inline constexpr task_kind grouped_in_words{
    [](std::uint64_t a, std::uint64_t, task_context& context) { worded<F, 1>::call({a}, context); },
    [](std::uint64_t, std::uint64_t) noexcept {},
    [](std::uint64_t, std::uint64_t b) noexcept { return std::bit_cast<completion*>(b); },
    false,
    false,
    &typeid(F)};

/// A closure in a block, and where the task reports.
template <class F>
struct boxed_task {
  template <class G>
  boxed_task(G&& from, completion* reports_to) : f(std::forward<G>(from)), target{reports_to} {}

  F f;
  completion* target;

  struct give_back {
    void operator()(boxed_task* block) const noexcept {
      std::destroy_at(block);
      deallocate_for<boxed_task>(block);
    }
  };
  using ptr = std::unique_ptr<boxed_task, give_back>;

  static boxed_task* at(std::uint64_t a) noexcept { return std::bit_cast<boxed_task*>(a); }
};

template <class F>
inline constexpr task_kind in_a_box{
    [](std::uint64_t a, std::uint64_t, task_context& context) {
      const typename boxed_task<F>::ptr box{boxed_task<F>::at(a)};
      static_cast<void>(call_task(box->f, context));
    },
    [](std::uint64_t a, std::uint64_t) noexcept {
      const typename boxed_task<F>::ptr box{boxed_task<F>::at(a)};
    },
    [](std::uint64_t a, std::uint64_t) noexcept { return boxed_task<F>::at(a)->target; },
    true,
    false,
    &typeid(F)};

/// A closure in one block with the place of its result: a result_state or a landing.
template <class Target, class F>
class task_with_result final : public Target {
 public:
  template <class G, class... Args>
  explicit task_with_result(G&& f, Args&&... args)
      : Target{std::forward<Args>(args)...}, closure(std::forward<G>(f)) {}
  ~task_with_result() {}  // closure is gone by then: run() or drop() came first

  static task_with_result* at(std::uint64_t a) noexcept {
    return std::bit_cast<task_with_result*>(a);
  }

  void run(task_context& context) {
    const destroy_closure at_the_end{*this};
    auto bound = [&]() -> decltype(auto) { return call_task(closure, context); };
    this->keep_result_of(bound);
  }
  void drop() noexcept { std::destroy_at(&closure); }

 private:
  struct destroy_closure {
    task_with_result& of;
    ~destroy_closure() { of.drop(); }
  };

  void destroy() noexcept override {
    std::destroy_at(this);
    deallocate_for<task_with_result>(this);
  }

  union {
    F closure;
  };
};

template <class Target, class F>
inline constexpr task_kind with_result{
    [](std::uint64_t a, std::uint64_t, task_context& context) {
      task_with_result<Target, F>::at(a)->run(context);
    },
    [](std::uint64_t a, std::uint64_t) noexcept { task_with_result<Target, F>::at(a)->drop(); },
    [](std::uint64_t a, std::uint64_t) noexcept -> completion* {
      return task_with_result<Target, F>::at(a);
    },
    true,
    false,
    &typeid(F)};

}  // namespace detail

/// A posted task whose closure fits its words, and that has asked for nothing.
template <class F>
[[nodiscard]] task_words make_plain_task(const F& f) noexcept {
  using in_words = detail::worded<F, 2>;
  return {&detail::posted_in_words<F>, in_words::template word_of<0>(f),
          in_words::template word_of<1>(f)};
}

/// A posted task. An lvalue is copied, an rvalue moved. \throws what that throws; std::bad_alloc.
/// \param  target  where it reports, or null. It gets the reference.
template <submittable F>
queued_task make_task(F&& f, task_extras_ptr extras, completion_ref<completion> target = {}) {
  using held = std::decay_t<F>;
  if constexpr (detail::fits_words<held, 16>) {
    if (!extras && !target) return queued_task{make_plain_task<held>(f)};
  }
  if constexpr (detail::fits_words<held, 8>) {
    if (!extras) {
      const std::uint64_t word = detail::worded<held, 1>::template word_of<0>(f);
      return queued_task{
          {&detail::grouped_in_words<held>, word, std::bit_cast<std::uint64_t>(target.release())}};
    }
  }
  auto* const box =
      detail::make_in_block<detail::boxed_task<held>>(std::forward<F>(f), target.get());
  static_cast<void>(target.release());
  return queued_task{{&detail::in_a_box<held>, std::bit_cast<std::uint64_t>(box),
                      std::bit_cast<std::uint64_t>(extras.release())}};
}

/// A task with a result, and the place where its result will lie: a Target made of `args`, which
/// count the task's reference.
template <class Target, submittable F, class... Args>
std::pair<queued_task, Target*> make_task_with_result(F&& f, task_extras_ptr extras,
                                                      Args&&... args) {
  using held = std::decay_t<F>;
  auto* const made = detail::make_in_block<detail::task_with_result<Target, held>>(
      std::forward<F>(f), std::forward<Args>(args)...);
  return {queued_task{{&detail::with_result<Target, held>, std::bit_cast<std::uint64_t>(made),
                       std::bit_cast<std::uint64_t>(extras.release())}},
          made};
}

/// A task that was taken, and when it was submitted.
struct waiting_task {
  queued_task task;
  time_point submitted;  ///< a stamp: see src/pool/stamp.hpp
};

/// A task that purge() took out of its pool. Its pool has counted it as discarded; what becomes of
/// its future is now up to the holder: run it, or destroy it, and the future ends as discarded.
class purged_task {
 public:
  purged_task(queued_task&& task, unsigned priority) noexcept
      : task_{std::move(task)}, priority_{priority} {}
  purged_task(purged_task&&) noexcept = default;
  purged_task& operator=(purged_task&&) = delete;
  ~purged_task();

  [[nodiscard]] unsigned priority() const noexcept { return priority_; }

  /// Runs the task here. REQUIRES: it has not run. Its deadline no longer counts.
  /// \throws what the task throws, if it was posted; a submitted one keeps it in its future.
  void operator()();

 private:
  queued_task task_;
  unsigned priority_;
};

}  // namespace millpool
