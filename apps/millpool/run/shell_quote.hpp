#pragma once

#include <string>
#include <string_view>

namespace millpool::run {

/// Appends `text` so that a shell reads it back as one word: as it is where every byte is safe, in
/// single quotes otherwise. The same bytes as GNU parallel writes, since both end in joblogs.
void append_shell_quoted(std::string& out, std::string_view text);

[[nodiscard]] std::string shell_quoted(std::string_view text);

}  // namespace millpool::run
