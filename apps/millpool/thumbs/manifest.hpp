#pragma once

#include "apps/millpool/thumbs/failure.hpp"
#include "apps/millpool/thumbs/thumbnailer.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::thumbs {

/// What became of one source: a line of the manifest.
struct manifest_entry {
  enum class state : std::uint8_t { made, unchanged, failed };

  std::string source;  ///< from SRC; its bytes, whatever they are
  state became = state::made;
  std::uint64_t bytes = 0;    ///< the source's size
  std::int64_t mtime_ns = 0;  ///< its last change, since 1970
  std::string hash{};         ///< of its content; empty unless it was asked for
  std::string settings{};     ///< what the thumbnails are like
  std::uint32_t width = 0;    ///< of the source, as it is seen; 0 if unknown
  std::uint32_t height = 0;
  std::vector<made_output> outputs{};
  failure why{};  ///< if it failed
};

/// The entry as a JSON object and a newline. A text that is not UTF-8 has U+FFFD in the place of
/// the bytes that JSON cannot hold, and beside it, as NAME_hex, all its bytes.
[[nodiscard]] std::string to_line(const manifest_entry& entry);
/// \return nothing if the line is none of ours.
[[nodiscard]] std::optional<manifest_entry> parse_line(std::string_view line);

/// The order of a manifest's sources: folder by folder, by name.
struct by_folder {
  [[nodiscard]] bool operator()(std::string_view a, std::string_view b) const noexcept;
};

/// The account of a tree's thumbnails, a line an image. During a run lines are appended, each in
/// one write, so that a run that is killed can be continued; the last line of a source is the one
/// that counts. compact() leaves that one only. As long as this lives, no other run has the file.
///
/// Memory  a source's name and the place of its line.
class manifest {
 public:
  /// Reads what is there. \return why it cannot be, or that it holds something else: it is then
  /// left as it was.
  [[nodiscard]] static std::expected<manifest, std::string> open(const std::string& path);

  /// What is known of the source.
  [[nodiscard]] std::optional<manifest_entry> find(const std::string& source) const;

  /// \return why it could not be written: then the run cannot go on.
  [[nodiscard]] std::expected<void, std::string> append(const manifest_entry& entry);

  /// Leaves a line a source, folder by folder.
  /// \param  all  else those only that were appended since open().
  [[nodiscard]] std::expected<void, std::string> compact(bool all);

  /// All entries, folder by folder.
  void for_each(const std::function<void(const manifest_entry&)>& f) const;

  /// Lines that made no sense, when it was opened.
  [[nodiscard]] std::uint64_t strange_lines() const noexcept { return strange_lines_; }

 private:
  struct place {
    std::uint64_t offset;
    std::uint32_t length;
    bool fresh;  // appended since open()
  };

  manifest(std::string path, app::unique_fd fd) : path_{std::move(path)}, fd_{std::move(fd)} {}
  [[nodiscard]] std::expected<void, std::string> load();
  [[nodiscard]] std::string line_at(const place& where) const;

  std::string path_;
  app::unique_fd fd_;
  std::map<std::string, place, by_folder> lines_;
  std::uint64_t end_ = 0;
  bool ends_in_newline_ = true;
  std::uint64_t strange_lines_ = 0;
};

}  // namespace millpool::thumbs
