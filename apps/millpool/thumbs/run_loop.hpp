#pragma once

#include "apps/millpool/thumbs/dest_folder.hpp"
#include "apps/millpool/thumbs/manifest.hpp"
#include "apps/millpool/thumbs/options.hpp"
#include "apps/millpool/thumbs/source_tree.hpp"
#include "apps/millpool/thumbs/thumbnailer.hpp"
#include "apps/support/progress_bar.hpp"
#include "apps/support/signals.hpp"
#include "millpool/policy/bulkhead.hpp"
#include "millpool/pool/worker_pool.hpp"
#include "millpool/result/result_channel.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

namespace millpool::thumbs {

/// What became of a run.
struct run_summary {
  std::uint64_t made = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t failed = 0;
  std::uint64_t passed_over = 0;        ///< files that are no images by their names
  std::optional<std::string> ended_by;  ///< why the run could not go on
  std::optional<int> signal;            ///< that ended it
  bool saw_all = true;                  ///< every source that there is
};

/// The main thread of a run: it walks the tree, reads each image's header, waits until there is
/// memory for it, and submits it; what the tasks give back it writes into the manifest. It waits
/// for nothing but results, and whoever holds memory is a task that gives one.
class run_loop {
 public:
  /// Everything given outlives it.
  run_loop(const thumbs_options& options, const dest_folder& dest, manifest& log,
           app::signal_events& signals, app::progress_bar* bar, std::uint64_t expected);

  [[nodiscard]] run_summary run();

 private:
  void take(source_tree::step step);
  void take_file(const source_tree::file& file);
  [[nodiscard]] bool has_outputs(const manifest_entry& before) const;
  [[nodiscard]] or_failure<thumbnailer> plan(manifest_entry& entry);
  [[nodiscard]] or_failure<std::vector<std::string>> paths_for(const std::string& source,
                                                               output_format format);
  /// Makes the thumbnail, of the first size, that of this source: or name_taken.
  [[nodiscard]] or_failure<void> claim(const std::string& thumbnail, const std::string& source);
  /// DEST's folders for it are there.
  [[nodiscard]] or_failure<void> prepare_folder(const std::vector<std::string>& paths);
  [[nodiscard]] permit wait_for_memory(std::uint64_t weight);
  void submit(manifest_entry entry, thumbnailer work, std::optional<manifest_entry> before,
              permit room);
  /// Waits for one result, and hears signals meanwhile.
  void take_result();
  void finish(const result<manifest_entry>& ended);
  void settle(const manifest_entry& entry);
  void settle_failure(manifest_entry entry, failure why);
  void hear_signals();
  void show_progress();
  void say(const std::string& line);
  [[nodiscard]] bool stopping() const { return summary_.signal || summary_.ended_by; }

  const thumbs_options& options_;
  const dest_folder& dest_;
  manifest& log_;
  app::signal_events& signals_;
  app::progress_bar* bar_;
  std::uint64_t expected_;  // images, or 0
  const std::string settings_;
  run_summary summary_;
  std::map<std::string, std::string> taken_;  // thumbnails of this folder, and whose they are
  std::optional<or_failure<void>> prepared_;  // this folder's in DEST, since its first image
  std::stop_source stop_;
  // In this order: the pool's tasks hold permits, and give their results to the channel.
  bulkhead memory_;
  result_channel<manifest_entry> results_;
  worker_pool pool_;
};

}  // namespace millpool::thumbs
