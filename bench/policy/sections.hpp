// The questions of ./dev bench policy.
#pragma once

#include <string>

namespace bench {

struct effort {
  unsigned rounds = 5;
  bool quick = false;
  std::string plot = "policy-steps.svg";  // where steps() draws
};

/// What does a policy cost a task that does nothing, in a tree of tasks (case D)?
void cost(const effort& how);
/// How soon do workers come when a burst does?
void burst(const effort& how);
/// What does a pool do in time, and for whom, when ten times as much comes as it can do?
void overload(const effort& how);
/// Does a steered pool get as much done as the best number of workers that is fixed?
void sizes(const effort& how);
/// How soon does another worker stand in for one that hangs?
void stuck(const effort& how);
/// How do workers, depth and wait follow a load that changes?
void steps(const effort& how);

}  // namespace bench
