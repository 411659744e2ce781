#pragma once

#include "apps/millpool/logs/query.hpp"
#include "apps/millpool/logs/scan.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace millpool::logs {

/// What a run has counted and where it was: written to a file now and then, so that a run that was
/// killed goes on from there. It replaces the file as a whole, so what is there is always whole.
class checkpoint {
 public:
  explicit checkpoint(std::string path) : path_{std::move(path)} {}

  /// Reads the file, if there is one: sets positions of `inputs`, and adds to `found`.
  /// \return what the user should know, a line each; or why it cannot go on: the file is damaged,
  /// or of another query.
  [[nodiscard]] std::expected<std::vector<std::string>, std::string> load(
      const query& asked, std::vector<input>& inputs, findings& found);

  /// \return why it could not be written.
  [[nodiscard]] std::expected<void, std::string> save(const query& asked,
                                                      const std::vector<input>& inputs,
                                                      const findings& found);

  /// Another file has its name now: it is remembered by its begin, and what was counted of it.
  void leave(const input& one);

  /// Of an input: this run's come first, and then those of earlier runs that were others.
  [[nodiscard]] std::string_view name_of(std::uint32_t number,
                                         const std::vector<input>& inputs) const;

 private:
  struct known_file {
    std::uint32_t name = nameless;  // a number: see name_of()
    file_head head;
    std::uint64_t position = 0;
  };
  static constexpr std::uint32_t nameless = ~std::uint32_t{0};

  [[nodiscard]] std::vector<std::string> match(std::vector<input>& inputs,
                                               std::vector<known_file> known,
                                               const std::vector<std::string>& names,
                                               std::vector<std::uint32_t>& numbers);

  [[nodiscard]] std::uint32_t number_of(const std::string& name, const std::vector<input>& inputs);

  std::string path_;
  std::vector<std::string> former_names_;
  std::vector<known_file> others_;  // which are not among the inputs this time
};

}  // namespace millpool::logs
