#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace millpool::run {

/// Where programs are: PATH is searched once a name, not once a job, for the first thousand names.
///
/// Thread safety  find() may be called concurrently.
class program_path {
 public:
  /// \param path  as $PATH.
  explicit program_path(std::string path) : path_(std::move(path)) {}

  /// The file to execute: `program` itself where it has a slash; empty where there is none.
  [[nodiscard]] std::string find(const std::string& program);
  /// How many names are remembered.
  [[nodiscard]] std::size_t remembered() const {
    const std::lock_guard lock{mutex_};
    return found_.size();
  }

 private:
  [[nodiscard]] std::string search(const std::string& program) const;

  std::string path_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string> found_;  // guarded by mutex_
};

}  // namespace millpool::run
