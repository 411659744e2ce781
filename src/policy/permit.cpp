#include "millpool/policy/permit.hpp"

#include <utility>

namespace millpool {

permit::permit(permit&& other) noexcept
    : from_{std::exchange(other.from_, nullptr)},
      weight_{std::exchange(other.weight_, 0)},
      since_{other.since_} {}

permit& permit::operator=(permit&& other) noexcept {
  if (this != &other) {
    drop();
    from_ = std::exchange(other.from_, nullptr);
    weight_ = std::exchange(other.weight_, 0);
    since_ = other.since_;
  }
  return *this;
}

void permit::give_back(bool done) noexcept {
  if (from_ == nullptr) return;
  std::exchange(from_, nullptr)->take_back(std::exchange(weight_, 0), since_, done);
}

}  // namespace millpool
