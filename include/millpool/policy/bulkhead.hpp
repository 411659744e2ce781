// Layer 4 · policy: how much may be under way at a time.
#pragma once

#include "millpool/base/errors.hpp"
#include "millpool/policy/permit.hpp"
#include "millpool/sync/mutex.hpp"

#include <cstdint>
#include <expected>

namespace millpool {

/// A limit on what is under way at a time, in any unit: tasks, connections, bytes.
///
///   millpool::bulkhead memory{256 << 20};
///   if (auto room = memory.try_acquire(needed)) {
///     results.submit(pool, [room = std::move(*room)] { ... });
///   }
///
/// Never exceeded  what is held is at most the limit, not one more, whoever asks concurrently
///                 (promise P7). A limit that was lowered below what is held takes nothing back:
///                 it refuses until enough has returned.
/// Too heavy       what weighs more than the whole limit is refused whenever it asks. Compare with
///                 limit() before waiting for permits to come back.
/// Waiting         never, but for a lock that is held for a few instructions.
/// Order           none: a light one may pass where a heavy one was refused.
/// Thread safety   every member may be called concurrently, except the constructor and destructor.
/// Allocation      none.
/// Lifetime        outlives its permits.
/// Source          the name and its place are resilience4j's; weights are those of a weighted
///                 semaphore, such as golang.org/x/sync/semaphore.
class bulkhead final : public permit_giver {
 public:
  /// \param  limit  may be 0: then everything is refused.
  explicit bulkhead(std::uint64_t limit) noexcept : limit_{limit} {}
  /// Every permit is back by then: asserted.
  ~bulkhead() override;

  /// Takes `weight` of the limit if that much is free.
  /// \param   weight  at least 1.
  /// \return  the permit, or limit_exceeded.
  [[nodiscard]] std::expected<permit, submit_errc> try_acquire(std::uint64_t weight = 1) noexcept;

  /// From its return on nothing is admitted beyond `limit`; what is held stays held.
  void set_limit(std::uint64_t limit) noexcept;

  [[nodiscard]] std::uint64_t limit() const noexcept;
  /// What permits hold now. Above limit() only after the limit was lowered.
  [[nodiscard]] std::uint64_t in_use() const noexcept;

 private:
  void take_back(std::uint64_t weight, time_point since, bool done) noexcept override;

  mutable mutex mutex_;
  std::uint64_t limit_;       // guarded by mutex_
  std::uint64_t in_use_ = 0;  // guarded by mutex_
};

}  // namespace millpool
