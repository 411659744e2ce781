// Layer 1 · telemetry: what a process uses, by the names that all Prometheus clients give it.
#pragma once

#include "millpool/telemetry/exposition.hpp"

namespace millpool {

/// Writes the families process_cpu_seconds, _start_time_seconds, _resident_memory_bytes,
/// _virtual_memory_bytes, _open_fds, _max_fds and _threads, as /proc/self tells them; what it does
/// not tell is left out. Thread safety: may be called concurrently, for different pages. Some
/// system calls, and one for every hundred open files.
void write_process_metrics(exposition& page);

}  // namespace millpool
