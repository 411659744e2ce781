#include "src/pool/registry.hpp"

#include <algorithm>
#include <memory>

namespace millpool {
namespace {

// Made when it is first needed, and never destroyed: pools may be static.
union place {
  place() : the_one{} {}
  ~place() {}
  registry the_one;
};

}  // namespace

registry& registry::here() noexcept {
  static place of_this_process;
  return of_this_process.the_one;
}

// What it held is left as it is: its lock may be held for ever.
void registry::start_anew() noexcept { std::construct_at(&here()); }

void registry::add(worker_pool& pool, const std::string& name) {
  const std::lock_guard lock{mutex_};
  std::string unique = name;
  const auto is_taken = [&] {
    return std::ranges::find(pools_, unique, &entry::name) != pools_.end();
  };
  for (std::size_t number = 2; is_taken(); ++number) unique = name + "#" + std::to_string(number);
  pools_.push_back({&pool, std::move(unique)});
}

std::string registry::name_of(const worker_pool& pool) {
  const std::lock_guard lock{mutex_};
  const auto found = std::ranges::find(pools_, &pool, &entry::pool);
  return found != pools_.end() ? found->name : std::string{};
}

void registry::remove(const worker_pool& pool) noexcept {
  std::unique_lock lock{mutex_};
  const auto found = std::ranges::find(pools_, &pool, &entry::pool);
  if (found == pools_.end()) return;
  found->leaves = true;
  left_.wait(lock, [&] { return found->visitors == 0; });
  pools_.erase(found);
}

}  // namespace millpool
