// Support for models: takes src/base/cpu.cpp's place, which reads files for each pool.
#include "millpool/base/cpu.hpp"

namespace millpool {

double cpu_budget::limit() const noexcept { return affinity; }
unsigned cpu_budget::cpus() const noexcept { return affinity; }
cpu_budget available_cpus(const std::string&) { return {.affinity = 2, .quota = std::nullopt}; }

int current_cpu() noexcept { return -1; }  // a run is the same wherever it runs

}  // namespace millpool
