#pragma once

#include "apps/millpool/run/output_target.hpp"
#include "apps/support/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace millpool::run {

/// Holds the output of jobs that ended before an earlier one did, in one file without a name:
/// memory does not grow with it. Parts of the file that hold nothing any more are given back to the
/// disk, where the file system can do that; when nothing at all is held the file is emptied.
///
/// Use  begin(); write() as to any target; put_log(); take() ... later replay(). One entry at a
///      time.
class output_spool final : public output_target {
 public:
  explicit output_spool(std::string directory) : directory_(std::move(directory)) {}

  /// One job's output, in the file.
  struct entry {
    std::uint64_t offset = 0;
    std::uint64_t output_size = 0;
    std::uint64_t error_size = 0;
    std::uint64_t log_size = 0;  // its joblog line

    [[nodiscard]] std::uint64_t size() const noexcept {
      return output_size + error_size + log_size;
    }
  };

  [[nodiscard]] std::error_code begin();
  /// All of standard output must come before standard error.
  [[nodiscard]] std::error_code write(stream to, std::string_view bytes) override;
  [[nodiscard]] std::error_code put_log(std::string_view line);
  [[nodiscard]] entry take();

  /// Gives a held output to `to`, and its joblog line to `log_line`.
  [[nodiscard]] std::error_code replay(const entry& held, output_target& to, std::string& log_line);

 private:
  [[nodiscard]] std::error_code append(std::string_view bytes);
  void forget(const entry& held);

  std::string directory_;
  app::unique_fd fd_;
  entry current_;
  std::uint64_t end_ = 0;
  std::size_t held_ = 0;
  std::unordered_map<std::uint64_t, std::size_t> users_;  // entries in each part of the file
  std::vector<char> buffer_;
};

}  // namespace millpool::run
