// Layer 3 · pool: all pools of a process, as a page for Prometheus.
#pragma once

#include "millpool/pool/pool_stats.hpp"
#include "millpool/telemetry/exposition.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millpool {

class worker_pool;

/// What all pools of this process are doing. Where several have one name, the second is "name#2",
/// as long as it lives.
/// Thread safety  may be called concurrently, and while pools come and go: a pool's destructor
///                waits for it, after its shutdown. O(workers and classes).
[[nodiscard]] std::vector<pool_stats> stats_of_all_pools();

/// Under what name they show this pool.
[[nodiscard]] std::string name_among_all(const worker_pool& pool);

/// Calls f with the pool that stats_of_all_pools() shows under this name; it is not destroyed
/// meanwhile: so f does not wait for that. \return whether there is one.
/// Thread safety  as above.
bool with_pool(std::string_view name, const std::function<void(worker_pool&)>& f);

/// Writes the families millpool_…, as docs/guide/metrics.md lists them, and millpool_build.
void write_pool_metrics(exposition& page, std::span<const pool_stats> pools);

/// The page of this process: write_pool_metrics() of all its pools, and write_process_metrics().
/// Where there are to be families of your own, call these two yourself.
///
///   const auto format = millpool::choose_metrics_format(request["Accept"]);
///   answer(millpool::content_type(format), millpool::metrics_page(format));
///
/// Counters of a pool never go back as long as it lives.
[[nodiscard]] std::string metrics_page(metrics_format format);

/// How many processes like this one would do what this pool has to do now, none of them more than
/// four fifths busy, and what waits gone in ten seconds: a fraction of one where there is little.
/// For an autoscaler: the sum over all replicas is the number of replicas that is wanted.
[[nodiscard]] double desired_replicas_hint(const pool_stats& pool) noexcept;

}  // namespace millpool
