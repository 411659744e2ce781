// The dashboard's files, which are part of the program.
#pragma once

#include <span>
#include <string_view>

namespace millpool::admin {

struct page_file {
  std::string_view name;  ///< "index.html": no other has it
  std::string_view content;
};

/// All of them: cmake/embed.cmake writes this.
[[nodiscard]] std::span<const page_file> page_files() noexcept;

}  // namespace millpool::admin
