#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace millpool::run {

/// Where programs are: PATH is searched once a name, not once a job.
///
/// Thread safety  find() may be called concurrently.
class program_path {
 public:
  /// \param path  as $PATH.
  explicit program_path(std::string path) : path_(std::move(path)) {}

  /// The file to execute: `program` itself where it has a slash; empty where there is none.
  /// The reference stays valid as long as this object.
  [[nodiscard]] const std::string& find(std::string_view program);

 private:
  [[nodiscard]] std::string search(const std::string& program) const;

  std::string path_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> found_;  // guarded by mutex_
};

}  // namespace millpool::run
