#include "apps/millpool/thumbs/options.hpp"

#include "apps/support/flags.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace millpool::thumbs {
namespace {

constexpr unsigned most_jobs = 1000;

constexpr const char* usage = "millpool thumbs SRC DEST [flags]";

constexpr const char* epilogue =
    "Reads JPEG, PNG, WebP, GIF (the first frame), TIFF, and HEIF where libheif is installed.\n"
    "SRC/a/b.jpg becomes DEST/a/b.jpg, and with several sizes DEST/256/a/b.jpg and so on. Where\n"
    "the format changes its ending is added: b.png becomes b.png.jpg. Nothing is enlarged.\n"
    "DEST/manifest.jsonl tells what became of each image, a JSON object a line.\n"
    "\nExamples:\n"
    "  millpool thumbs ~/photos ~/thumbs --only-changed --bar\n"
    "  millpool thumbs photos site --size 320x240,1600 --fit cover --format webp --gallery\n"
    "\nExit status: 0 all images were made; 1 some were not, each is told; 2 bad input, or the\n"
    "  run could not go on; 129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM. Run again with\n"
    "  --only-changed to continue.\n"
    "Guide: docs/guide/thumbs.md\n";

using app::put;
using app::put_count;
using app::wrong;

// What has been seen of the sizes: the first --size replaces the default, the others add to it.
struct given {
  bool sizes = false;
};

void add_thumbnail_flags(app::flags& flags, thumbnail_settings& out, given& seen) {
  flags.group("Thumbnails");
  flags.value(
      "-s,--size", "SIZE",
      [&](const std::string& v) -> wrong {
        auto sizes = parse_sizes(v);
        if (!sizes) return sizes.error();
        if (!std::exchange(seen.sizes, true)) out.sizes.clear();
        for (const box& each : *sizes) {
          if (std::find(out.sizes.begin(), out.sizes.end(), each) == out.sizes.end())
            out.sizes.push_back(each);
        }
        return std::nullopt;
      },
      "Box in pixels: 256 (the default), 640x480, or several: 256,1024");
  flags.value(
      "--fit", "HOW",
      [&](const std::string& v) -> wrong {
        if (v != "contain" && v != "cover") return "'" + v + "' is neither contain nor cover";
        out.fit = v == "cover" ? fit_mode::cover : fit_mode::contain;
        return std::nullopt;
      },
      "contain: all of it inside the box (the default); cover: fill it, and cut");
  flags.value(
      "-f,--format", "FORMAT",
      [&](const std::string& v) -> wrong {
        if (v == "jpeg" || v == "jpg") {
          out.format = output_format::jpeg;
        } else if (v == "webp") {
          out.format = output_format::webp;
        } else if (v == "png") {
          out.format = output_format::png;
        } else if (v == "same") {
          out.format.reset();
        } else {
          return "'" + v + "' is none of jpeg, webp, png, same";
        }
        return std::nullopt;
      },
      "jpeg (the default), webp, png, or same: as the source is");
  flags.value(
      "-q,--quality", "Q", [&](const std::string& v) { return put_count(v, 100, out.quality); },
      "1 to 100, for JPEG and WebP (80)");
  flags.value(
      "--profile", "WHAT",
      [&](const std::string& v) -> wrong {
        if (v != "srgb" && v != "keep") return "'" + v + "' is neither srgb nor keep";
        out.keep_profile = v == "keep";
        return std::nullopt;
      },
      "srgb: convert the colours (the default); keep: embed the ICC profile");
}

void add_running_flags(app::flags& flags, thumbs_options& out) {
  flags.group("Running");
  flags.value(
      "--only-changed", "HOW",
      [&](const std::string& v) -> wrong {
        if (v != "mtime" && v != "hash") return "'" + v + "' is neither mtime nor hash";
        out.changed = v == "hash" ? change_test::hash : change_test::mtime;
        return std::nullopt;
      },
      "Make what changed since the last run: mtime (and size), or hash; also continues a run");
  flags.value(
      "-j,--jobs", "N", [&](const std::string& v) { return put_count(v, most_jobs, out.jobs); },
      "Images at a time (the CPUs)");
  flags.value(
      "--memory", "SIZE",
      [&](const std::string& v) -> wrong {
        const auto size = app::parse_size(v);
        if (!size) return size.error();
        if (*size < (std::uint64_t{4} << 20)) return "less than 4M is too little for any image";
        out.memory = *size;
        return std::nullopt;
      },
      "What images may take at a time (256M); a larger one is refused");
  flags.value(
      "--max-pixels", "N",
      [&](const std::string& v) { return put(app::parse_size(v), out.max_pixels); },
      "Refuse an image with more pixels, by its header (500m: millions)");
  flags.value(
      "--timeout", "T",
      [&](const std::string& v) -> wrong {
        const auto time = app::parse_duration(v);
        if (!time) return time.error();
        if (*time <= duration::zero()) return "the time must be above 0";
        out.timeout = *time;
        return std::nullopt;
      },
      "Give up an image after T: 30, 1m (60s)");
}

void add_output_flags(app::flags& flags, thumbs_options& out) {
  flags.group("Output");
  flags.value(
      "--manifest", "FILE",
      [&](const std::string& v) -> wrong {
        if (v.empty()) return "the file has no name";
        out.manifest = v;
        return std::nullopt;
      },
      "Write the manifest there, not to DEST/manifest.jsonl");
  flags.toggle("--gallery", out.gallery, "Write DEST/index.html, which shows them");
  flags.toggle("--bar", out.bar, "Show progress on standard error, and a summary");
}

}  // namespace

parsed_options parse_options(int argc, const char* const* argv, unsigned cpus) {
  parsed_options parsed;
  parsed.options.jobs = cpus;
  const auto end = [&](int status, std::string text) {
    parsed.exit = status;
    parsed.text = std::move(text);
    return parsed;
  };
  thumbs_options& out = parsed.options;
  given seen;
  app::flags flags("millpool thumbs",
                   "Makes thumbnails of all images in a folder and the folders in it.", usage,
                   app::flags::words::among_flags);
  add_thumbnail_flags(flags, out.settings, seen);
  add_running_flags(flags, out);
  add_output_flags(flags, out);
  app::add_operating_flags(flags, out.operating);
  flags.epilogue(epilogue);
  // Its value may be left out, which the flags of other subcommands do not know.
  std::vector<const char*> words(argv, argv + argc);
  for (const char*& each : words) {
    if (std::string_view{each} == "--") break;
    if (std::string_view{each} == "--only-changed") each = "--only-changed=mtime";
  }
  auto outcome = flags.parse(argc, words.data());
  constexpr std::string_view shown = "--only-changed HOW  ";
  if (const std::size_t at = outcome.text.find(shown); at != std::string::npos)
    outcome.text.replace(at, shown.size(), "--only-changed[=HOW]");
  if (outcome.exit) return end(*outcome.exit, std::move(outcome.text));
  const std::vector<std::string>& folders = outcome.rest;
  if (folders.size() != 2) {
    return end(2, folders.size() < 2 ? "expected two folders, SRC and DEST (--help says more)"
                                     : "a third folder, '" + folders[2] +
                                           "': expected SRC and DEST (--help says more)");
  }
  for (const std::string& each : folders) {
    if (each.empty()) return end(2, "a folder has no name");
  }
  parsed.options.source = folders[0];
  parsed.options.dest = folders[1];
  if (parsed.options.manifest.empty())
    parsed.options.manifest = parsed.options.dest + "/manifest.jsonl";
  return parsed;
}

}  // namespace millpool::thumbs
