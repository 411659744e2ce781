#pragma once

#include <array>
#include <chrono>
#include <signal.h>

namespace millpool::run {

/// How a job is ended that will not end: as GNU parallel's --termseq
/// TERM,200,TERM,100,TERM,50,KILL.
struct termination_step {
  int signal;
  std::chrono::milliseconds then_wait;
};

inline constexpr std::array<termination_step, 4> termination_sequence{{
    {SIGTERM, std::chrono::milliseconds{200}},
    {SIGTERM, std::chrono::milliseconds{100}},
    {SIGTERM, std::chrono::milliseconds{50}},
    {SIGKILL, std::chrono::milliseconds{25}},
}};

}  // namespace millpool::run
