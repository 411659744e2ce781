// Layer 4 · policy: the right to do something that is limited.
#pragma once

#include "millpool/base/clock.hpp"

#include <cstdint>

namespace millpool {

class permit;

/// What gives permits, and gets them back.
class permit_giver {
 public:
  permit_giver(const permit_giver&) = delete;
  permit_giver& operator=(const permit_giver&) = delete;

 protected:
  permit_giver() = default;
  virtual ~permit_giver() = default;

  /// \param  since  as the giver made it.
  [[nodiscard]] permit make_permit(std::uint64_t weight, time_point since) noexcept;

 private:
  friend class permit;
  /// \param  done  what it was for has been done: it was recorded, not dropped.
  virtual void take_back(std::uint64_t weight, time_point since, bool done) noexcept = 0;
};

/// Weight held against a limit, given back once: by record(), by drop(), or at the latest by the
/// destructor. A task that is to hold it captures it, so that it comes back with the task's end
/// (promise P2: before the result can be seen).
///
/// Thread safety  none; different permits of one limit may be used concurrently.
/// Lifetime       its limit outlives it.
class [[nodiscard]] permit {
 public:
  /// Holds nothing.
  permit() noexcept = default;
  permit(permit&& other) noexcept;
  permit& operator=(permit&& other) noexcept;
  /// drop().
  ~permit() { drop(); }

  /// What it was for has been done: gives the weight back. Nothing, if that has happened already.
  void record() noexcept { give_back(true); }
  /// What it was for was not done: gives the weight back all the same. A limit that learns from
  /// what is done learns nothing from this one.
  void drop() noexcept { give_back(false); }

  /// What it holds: 0 once it was given back.
  [[nodiscard]] std::uint64_t weight() const noexcept { return weight_; }

 private:
  friend class permit_giver;
  permit(permit_giver& from, std::uint64_t weight, time_point since) noexcept
      : from_{&from}, weight_{weight}, since_{since} {}
  void give_back(bool done) noexcept;

  permit_giver* from_ = nullptr;
  std::uint64_t weight_ = 0;
  time_point since_{};
};

inline permit permit_giver::make_permit(std::uint64_t weight, time_point since) noexcept {
  return permit{*this, weight, since};
}

}  // namespace millpool
