// Layer 2 · result: the results of many tasks, as a stream.
#pragma once

#include "millpool/base/clock.hpp"
#include "millpool/base/errors.hpp"
#include "millpool/base/pop_iterator.hpp"
#include "millpool/result/result_buffer.hpp"

#include <cstddef>
#include <expected>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

namespace millpool {

/// A bounded stream of results: submit tasks on one side, pop how they ended on the other.
///
/// Bounded        at most `capacity` results are under way or wait to be popped: submit() waits for
///                the reader, a worker never does. So nobody is stuck when the reader leaves, and a
///                thread that submits more than `capacity` before it pops waits for itself.
/// Waiting        where results come every few microseconds, and 32 or more are under way, a reader
///                that finds none sleeps for 100 us, and then finds several.
/// Conservation   every accepted task gives exactly one result, however it ended.
/// Closing        after close(), submissions are refused; pops give what is under way, then
///                nothing.
/// Thread safety  every member may be called concurrently, except the constructor and destructor.
/// Exceptions     a value whose move throws on its way in reads as failed, with that exception; one
///                whose move throws in pop() is lost.
/// Lifetime       may be destroyed with tasks under way: their results are dropped.
/// Allocation     the buffer in the constructor, and one pooled block a task.
template <class T, result_order order>
class result_stream {
 public:
  using iterator = pop_iterator<result_stream, result<T>>;

  /// \param  capacity  in results, at least 1.
  /// \param  time      outlives the stream.
  /// \throws std::invalid_argument if capacity is 0.
  explicit result_stream(std::size_t capacity, const clock& time = steady())
      : buffer_{result_buffer<T>::make(capacity, order, time)} {}
  result_stream(const result_stream&) = delete;
  result_stream& operator=(const result_stream&) = delete;

  /// Waits for a place for the result, then submits `f` to `pool` under the pool's own full_policy.
  /// \return why it was refused: closed (this stream, or the pool), or as pool.post() says.
  template <class Pool, class F>
  std::expected<void, submit_errc> submit(Pool& pool, F&& f) {
    return submit(pool, typename Pool::options_type{}, std::forward<F>(f));
  }
  template <class Pool, class F>
  std::expected<void, submit_errc> submit(Pool& pool, const typename Pool::options_type& options,
                                          F&& f) {
    return submit_reserved(buffer_->reserve(no_deadline), pool, options, std::forward<F>(f));
  }

  /// The same, but does not wait for the reader. \return full if `capacity` results are
  /// outstanding.
  template <class Pool, class F>
  [[nodiscard]] std::expected<void, submit_errc> try_submit(
      Pool& pool, const typename Pool::options_type& options, F&& f) {
    return submit_reserved(buffer_->reserve(time_point::min()), pool, options, std::forward<F>(f));
  }

  /// Waits for the next result. \return nothing iff the stream is closed and all was popped.
  [[nodiscard]] std::optional<result<T>> pop() { return buffer_->pop_until(no_deadline); }

  /// The same, but waits no longer than `d`, or until `t`; nothing may also mean that time is up.
  [[nodiscard]] std::optional<result<T>> pop_for(duration d) {
    return pop_until(deadline_after(buffer_->time().now(), d));
  }
  [[nodiscard]] std::optional<result<T>> pop_until(time_point t) { return buffer_->pop_until(t); }

  /// Never waits. \return the next result, if it is there.
  [[nodiscard]] std::optional<result<T>> try_pop() { return buffer_->pop_until(time_point::min()); }

  /// Ends input. Idempotent.
  void close() noexcept { buffer_->close(); }
  [[nodiscard]] bool is_closed() const { return buffer_->is_closed(); }

  /// Results under way or waiting to be popped, and the bound on them.
  [[nodiscard]] std::size_t outstanding() const { return buffer_->outstanding(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return buffer_->capacity(); }

  /// `for (auto& result : stream)` pops until closed and drained.
  [[nodiscard]] iterator begin() { return iterator{*this}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  template <class Pool, class F>
  std::expected<void, submit_errc> submit_reserved(std::optional<std::uint64_t> place, Pool& pool,
                                                   const typename Pool::options_type& options,
                                                   F&& f) {
    if (!place) return std::unexpected{is_closed() ? submit_errc::closed : submit_errc::full};
    struct give_back {  // on refusal and on an exception alike, the place lands empty
      result_buffer<T>* buffer;
      std::uint64_t place;
      ~give_back() {
        if (buffer != nullptr) buffer->land_empty(place);
      }
    } unless_accepted{buffer_.get(), *place};
    auto accepted =
        pool.template launch_into<landing<T>>(options, std::forward<F>(f), buffer_.get(), *place);
    if (accepted) unless_accepted.buffer = nullptr;
    return accepted;
  }

  const typename result_buffer<T>::ptr buffer_;
};

/// Results in the order in which the tasks end.
template <class T>
using result_channel = result_stream<T, result_order::completion>;

/// Results in the order in which the tasks were submitted. A slow task holds back the results
/// behind it, at most `capacity` of them.
template <class T>
using ordered_stream = result_stream<T, result_order::submission>;

}  // namespace millpool
