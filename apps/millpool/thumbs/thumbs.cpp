#include "apps/millpool/thumbs/thumbs.hpp"

#include "apps/millpool/thumbs/atomic_file.hpp"
#include "apps/millpool/thumbs/gallery.hpp"
#include "apps/millpool/thumbs/options.hpp"
#include "apps/millpool/thumbs/run_loop.hpp"
#include "apps/support/flags.hpp"
#include "apps/support/io.hpp"
#include "apps/support/operating_flags.hpp"
#include "apps/support/signals.hpp"
#include "millpool/base/cpu.hpp"

#include <csignal>
#include <exception>
#include <malloc.h>
#include <optional>
#include <string>
#include <unistd.h>

// A run, file by file: options (what is asked for) -> source_tree (which images) -> run_loop (when)
// -> decoder, thumbnailer, encoder (a worker makes one) -> manifest (what became of it) -> gallery.

namespace millpool::thumbs {
namespace {

constexpr int exit_ok = 0;
constexpr int exit_some_failed = 1;
constexpr int exit_bad_input = 2;
constexpr int exit_by_signal = 128;

[[nodiscard]] int refuse(std::string_view sentence) {
  app::complain("millpool thumbs", sentence);
  return exit_bad_input;
}

// Large blocks go back to the system when they are freed. By default the C library raises the limit
// for that with each such block, and keeps what one image needed for each thread that had one.
void return_large_blocks() {
  constexpr int large = 1 << 20;
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread yet
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, 2 * large);
  // NOLINTEND(concurrency-mt-unsafe)
}

[[nodiscard]] std::uint64_t count_images(const thumbs_options& options) {
  source_tree tree{options.source, options.dest};
  std::uint64_t count = 0;
  while (const auto step = tree.next()) {
    if (std::holds_alternative<source_tree::file>(*step)) ++count;
  }
  return count;
}

[[nodiscard]] std::string in_words(const run_summary& summary, const thumbs_options& options) {
  std::string text = std::to_string(summary.made) + " made, ";
  if (options.changed != change_test::always)
    text += std::to_string(summary.unchanged) + " unchanged, ";
  text += std::to_string(summary.failed) + " failed";
  if (summary.passed_over > 0)
    text += ", files passed over that are no images: " + std::to_string(summary.passed_over);
  return text + " (" + options.manifest + ")";
}

int run_all(const thumbs_options& options, const dest_folder& dest, manifest log,
            app::signal_events& signals) {
  std::optional<app::progress_bar> bar;
  std::uint64_t expected = 0;
  if (options.bar) {
    expected = count_images(options);
    bar.emplace("millpool thumbs", STDERR_FILENO, steady());
  }
  run_summary summary;
  {
    run_loop loop{options, dest, log, signals, bar ? &*bar : nullptr, expected};
    summary = loop.run();
  }
  signals.release();
  if (bar) {
    bar->finish({.done = summary.made + summary.failed,
                 .failed = summary.failed,
                 .skipped = summary.unchanged,
                 .total = std::nullopt});
  }
  if (summary.ended_by) return refuse(*summary.ended_by);
  // What this run did not come to keeps its line.
  if (const auto done = log.compact(!summary.saw_all); !done) return refuse(done.error());
  if (options.gallery) {
    atomic_file page{dest.path() + "/index.html"};
    write_gallery(log, [&](std::string_view text) { page.add(text); });
    if (const auto done = page.finish(); !done) return refuse(done.error().sentence);
  }
  if (options.bar || summary.failed > 0 || summary.signal)
    app::complain("millpool thumbs", in_words(summary, options));
  if (summary.signal) return exit_by_signal + *summary.signal;
  return summary.failed > 0 ? exit_some_failed : exit_ok;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = parse_options(argc, argv, available_cpus().cpus());
  if (parsed.exit) return app::end_at_once("millpool thumbs", *parsed.exit, parsed.text);
  const thumbs_options& options = parsed.options;
  return_large_blocks();
  const auto dest = dest_folder::open(options.source, options.dest);
  if (!dest) return refuse(dest.error());
  auto log = manifest::open(options.manifest);
  if (!log) return refuse(log.error());
  if (log->strange_lines() > 0) {
    app::complain("millpool thumbs", options.manifest + ": lines passed over that make no sense: " +
                                         std::to_string(log->strange_lines()));
  }
  try {
    app::signal_events signals{SIGINT, SIGTERM, SIGHUP};
    app::admin_session admin{options.operating, "millpool thumbs", options.jobs};
    signals.when_one_comes([&admin] { admin.set_draining(); });
    return run_all(options, *dest, std::move(*log), signals);
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

}  // namespace millpool::thumbs
