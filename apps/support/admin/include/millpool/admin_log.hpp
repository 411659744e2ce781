// What happened to a program's pools of late, for people to read. Link millpool::admin.
#pragma once

#include "millpool/pool/option_change.hpp"
#include "millpool/pool/pool_options.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millpool {

/// The last scaling decisions, stuck tasks and deadlocks of pools, and what was changed by hand.
///
///   millpool::admin_log log;
///   millpool::worker_pool orders{log.watch({.name = "orders"})};
///   millpool::admin_server admin{{.port = 9464, .log = log}};
///
/// A copy is the same log. Thread safety: every member may be called concurrently. A lock for some
/// instructions each; it is for what is rare.
class admin_log {
 public:
  /// \param  capacity  entries; at least 1. The oldest scaling decision makes room, or the oldest.
  explicit admin_log(std::size_t capacity = 256);

  /// The same options, with hooks that write here and then do what they did before: on_stuck,
  /// on_deadlock, scaling.on_decision. What was said on standard error, for want of a hook, is not.
  [[nodiscard]] pool_options watch(pool_options options) const;

  /// Somebody has changed a pool.
  void add_change(const std::string& pool, const std::string& action,
                  const std::vector<option_change>& changes) const;

  /// How many entries were ever made.
  [[nodiscard]] std::uint64_t sequence() const;
  /// {"sequence": …, "entries": […]}, the oldest first.
  [[nodiscard]] std::string to_json() const;

 private:
  class body;
  std::shared_ptr<body> body_;
};

}  // namespace millpool
