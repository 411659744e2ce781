// Layer 3 · pool: the options that may change while a pool runs, by name.
#pragma once

#include "millpool/pool/pool_options.hpp"

namespace millpool {

/// Calls visit(const char* name, option...) for each option that worker_pool::reconfigure() may
/// change, with that one of each of the given pool_options.
template <class Visit, class... Options>
void for_each_changeable(Visit visit, Options&... of) {
  visit("min_workers", of.min_workers...);
  visit("max_workers", of.max_workers...);
  visit("queue_capacity", of.queue_capacity...);
  visit("delayed_capacity", of.delayed_capacity...);
  visit("when_full", of.when_full...);
  visit("block_for", of.block_for...);
  visit("keep_alive", of.keep_alive...);
  visit("aging.bound", of.aging.bound...);
  visit("aging.share", of.aging.share...);
  visit("max_compensation", of.max_compensation...);
  visit("stuck_after", of.stuck_after...);
  visit("at_destruction.drain", of.at_destruction.drain...);
  visit("at_destruction.cancel", of.at_destruction.cancel...);
}

}  // namespace millpool
