#include "apps/millpool/thumbs/run_loop.hpp"

#include "apps/millpool/thumbs/content_hash.hpp"
#include "apps/support/io.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <new>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utility>

namespace millpool::thumbs {
namespace {

using std::chrono::milliseconds;
using state = manifest_entry::state;

// Enough that no worker waits for the next header. Each image holds an open file and its buffers;
// while it is made two more files may be open, and some are the program's own.
[[nodiscard]] std::size_t window_for(unsigned jobs) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return std::clamp<std::size_t>(files.rlim_cur / 4, 1, std::size_t{2} * jobs + 2);
}

// A name may hold anything, a line of ours no control characters: neither those of ASCII nor those
// that Unicode has from U+0080 to U+009F, some of which a terminal obeys.
[[nodiscard]] std::string printable(std::string text) {
  char before = 0;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool second_half = before == '\xc2' && byte >= 0x80 && byte < 0xa0;
    before = c;
    if (byte < 0x20 || byte == 0x7f || second_half) c = '?';
  }
  return text;
}

[[nodiscard]] std::string mebibytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1U << 20) - 1) >> 20) + " MiB";
}

// On a worker.
[[nodiscard]] manifest_entry make(manifest_entry entry, thumbnailer& work, bool hashed,
                                  const std::string& path,
                                  const std::optional<manifest_entry>& before,
                                  task_context& context) {
  const stop_request stop = [&context] { return context.stop_requested(); };
  const auto failed = [&](failure why) {
    if (why.kind == failure_kind::interrupted && context.remaining() == duration::zero())
      why = {failure_kind::timeout, "it was given up when its time was up (--timeout)"};
    entry.became = state::failed;
    entry.why = std::move(why);
    return std::move(entry);
  };
  try {
    if (hashed) {
      auto hash = content_hash(path, stop);
      if (!hash) return failed(hash.error());
      entry.hash = std::move(*hash);
      if (before && before->hash == entry.hash) {
        entry.became = state::unchanged;
        entry.outputs = before->outputs;
        return entry;
      }
    }
    auto made = work.make(stop);
    if (!made) return failed(made.error());
    entry.outputs = std::move(*made);
    return entry;
  } catch (const std::bad_alloc&) {
    return failed({failure_kind::too_big, "there is no memory for it"});
  }
}

}  // namespace

run_loop::run_loop(const thumbs_options& options, const dest_folder& dest, manifest& log,
                   app::signal_events& signals, app::progress_bar* bar, std::uint64_t expected)
    : options_{options},
      dest_{dest},
      log_{log},
      signals_{signals},
      bar_{bar},
      expected_{expected},
      settings_{to_string(options.settings) + " of " +
                std::filesystem::canonical(options.source).native()},
      memory_{options.memory},
      results_{window_for(options.jobs)},
      pool_{{.name = "thumbs",
             .min_workers = 0,
             .max_workers = options.jobs,
             .queue_capacity = window_for(options.jobs)}} {}

run_summary run_loop::run() {
  source_tree tree{options_.source, dest_.path()};
  while (!stopping()) {
    auto step = tree.next();
    if (!step) break;
    take(std::move(*step));
    while (const auto ended = results_.try_pop()) finish(*ended);
    hear_signals();
    show_progress();
  }
  while (results_.outstanding() > 0) take_result();
  summary_.passed_over = tree.passed_over();
  // Nothing at all: a disk that is not mounted looks so.
  if (summary_.signal || summary_.made + summary_.unchanged + summary_.failed == 0)
    summary_.saw_all = false;
  return summary_;
}

void run_loop::take(source_tree::step step) {
  if (std::holds_alternative<source_tree::folder>(step)) {
    taken_.clear();
    prepared_.reset();
  } else if (auto* const fault = std::get_if<source_tree::fault>(&step)) {
    if (fault->is_folder) summary_.saw_all = false;
    if (fault->path.empty()) {
      summary_.ended_by = options_.source + ": " + fault->why.sentence;
      return;
    }
    settle_failure({.source = fault->path}, std::move(fault->why));
  } else {
    take_file(std::get<source_tree::file>(step));
  }
}

void run_loop::take_file(const source_tree::file& file) {
  manifest_entry entry{.source = file.path, .bytes = file.bytes, .mtime_ns = file.mtime_ns};
  entry.settings = settings_;
  std::optional<manifest_entry> before;
  if (options_.changed != change_test::always) before = log_.find(file.path);
  if (before && (before->became == state::failed || before->settings != settings_ ||
                 before->bytes != file.bytes || !has_outputs(*before))) {
    before.reset();
  }
  if (before && options_.changed == change_test::mtime && before->mtime_ns == file.mtime_ns) {
    if (auto own = claim(before->outputs.front().path, file.path); !own)
      return settle_failure(std::move(entry), own.error());
    before->became = state::unchanged;
    settle(*before);
    return;
  }
  auto work = plan(entry);
  if (!work) return settle_failure(std::move(entry), work.error());
  permit room = wait_for_memory(work->memory());
  if (stopping()) return;
  submit(std::move(entry), std::move(*work), std::move(before), std::move(room));
}

// Each thumbnail is there, with the size that it was given.
bool run_loop::has_outputs(const manifest_entry& before) const {
  return !before.outputs.empty() &&
         std::all_of(before.outputs.begin(), before.outputs.end(), [&](const made_output& each) {
           struct stat status {};
           return ::stat((dest_.path() + "/" + each.path).c_str(), &status) == 0 &&
                  static_cast<std::uint64_t>(status.st_size) == each.bytes;
         });
}

// By the header: what is to be made, and whether it may be.
or_failure<thumbnailer> run_loop::plan(manifest_entry& entry) {
  auto opened = open_image(options_.source + "/" + entry.source);
  if (!opened) return std::unexpected{opened.error()};
  const image_info& info = (*opened)->info();
  entry.width = swaps_sides(info.orientation) ? info.height : info.width;
  entry.height = swaps_sides(info.orientation) ? info.width : info.height;
  const std::uint64_t pixels = std::uint64_t{info.width} * info.height;
  if (pixels > options_.max_pixels) {
    return fail(failure_kind::too_big, std::to_string(info.width) + " x " +
                                           std::to_string(info.height) +
                                           " pixels are more than --max-pixels allows");
  }
  auto paths = paths_for(entry.source, format_for(info.format, options_.settings));
  if (!paths) return std::unexpected{paths.error()};
  thumbnailer work{std::move(*opened), options_.settings, dest_.path(), std::move(*paths)};
  if (work.memory() > memory_.limit()) {
    return fail(failure_kind::too_big, "it needs " + mebibytes(work.memory()) +
                                           ", and --memory allows " + mebibytes(memory_.limit()));
  }
  return work;
}

or_failure<std::vector<std::string>> run_loop::paths_for(const std::string& source,
                                                         output_format format) {
  const std::string name = output_name(source, format);
  std::vector<std::string> paths;
  const auto& sizes = options_.settings.sizes;
  paths.reserve(sizes.size());
  for (const box& size : sizes)
    paths.push_back(sizes.size() > 1 ? to_string(size) + "/" + name : name);
  if (auto own = claim(paths.front(), source); !own) return std::unexpected{own.error()};
  if (!prepared_) prepared_ = prepare_folder(paths);
  if (!*prepared_) return std::unexpected{prepared_->error()};
  return paths;
}

// Sources in two folders never share a thumbnail, so only those of this folder are remembered.
or_failure<void> run_loop::claim(const std::string& thumbnail, const std::string& source) {
  const auto [owner, is_first] = taken_.emplace(thumbnail, source);
  if (is_first) return {};
  return fail(failure_kind::name_taken,
              "its thumbnail would be " + thumbnail + ", as that of " + owner->second + " is");
}

or_failure<void> run_loop::prepare_folder(const std::vector<std::string>& paths) {
  for (const std::string& each : paths) {
    const std::size_t slash = each.rfind('/');
    if (auto done = dest_.prepare(slash == std::string::npos ? "" : each.substr(0, slash)); !done)
      return done;
  }
  return {};
}

// A permit comes back before the result of the task that held it is seen (P2): so each result that
// is taken may have made room.
permit run_loop::wait_for_memory(std::uint64_t weight) {
  while (!stopping()) {
    if (results_.outstanding() < results_.capacity()) {
      if (auto room = memory_.try_acquire(weight)) return std::move(*room);
    }
    take_result();
  }
  return {};
}

void run_loop::submit(manifest_entry entry, thumbnailer work, std::optional<manifest_entry> before,
                      permit room) {
  const bool hashed = options_.changed == change_test::hash;
  std::string path = options_.source + "/" + entry.source;
  const auto accepted = results_.submit(
      pool_, {.timeout = options_.timeout, .stop_token = stop_.get_token()},
      [entry = std::move(entry), work = std::move(work), before = std::move(before),
       room = std::move(room), path = std::move(path), hashed](task_context& context) mutable {
        return make(std::move(entry), work, hashed, path, before, context);
      });
  if (!accepted) summary_.ended_by = "cannot submit: " + std::string(to_string(accepted.error()));
}

void run_loop::take_result() {
  constexpr milliseconds between_looks{100};
  if (const auto ended = results_.pop_for(between_looks)) finish(*ended);
  hear_signals();
  show_progress();
}

void run_loop::finish(const result<manifest_entry>& ended) {
  if (ended.has_value()) {
    settle(ended.value());
  } else if (ended.state() == task_state::failed) {
    try {
      std::rethrow_exception(ended.error());
    } catch (const std::exception& error) {
      summary_.ended_by = error.what();  // memory is short even for a sentence
    }
  }  // else it was cancelled before its start
}

void run_loop::settle_failure(manifest_entry entry, failure why) {
  if (entry.settings.empty()) entry.settings = settings_;
  entry.became = state::failed;
  entry.why = std::move(why);
  settle(entry);
}

void run_loop::settle(const manifest_entry& entry) {
  if (entry.became == state::failed && entry.why.kind == failure_kind::interrupted) return;
  if (const auto written = log_.append(entry); !written && !summary_.ended_by)
    summary_.ended_by = written.error();
  switch (entry.became) {
    case state::made:
      ++summary_.made;
      break;
    case state::unchanged:
      ++summary_.unchanged;
      break;
    case state::failed:
      ++summary_.failed;
      say(entry.source + ": " + std::string(to_string(entry.why.kind)) + ": " + entry.why.sentence);
      break;
  }
}

// The first signal lets what is under way come to its end, the second tells it to stop.
void run_loop::hear_signals() {
  while (const auto signal = signals_.next()) {
    if (summary_.signal) {
      stop_.request_stop();
      continue;
    }
    summary_.signal = signal;
    say("interrupted: finishing the images that are under way (once more to give them up)");
  }
}

void run_loop::show_progress() {
  if (bar_ == nullptr) return;
  bar_->show({.done = summary_.made + summary_.failed,
              .failed = summary_.failed,
              .skipped = summary_.unchanged,
              .total = expected_});
}

void run_loop::say(const std::string& line) {
  if (bar_ != nullptr) bar_->wipe();
  app::complain("millpool thumbs", printable(line));
}

}  // namespace millpool::thumbs
