// --pattern: the first line of the input; it is refused with a sentence, or it parses the second
// line without a crash, and each value lies within that line.
#include "apps/millpool/logs/line_format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millpool::logs;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are bytes.
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const std::size_t newline = std::min(input.find('\n'), input.size());
  const std::string pattern{input.substr(0, newline)};
  const auto fields = pattern_fields(pattern);
  if (!fields) {
    if (fields.error().empty()) std::abort();
    return 0;
  }
  const auto parser =
      make_parser({.kind = format_kind::pattern, .pattern = pattern, .columns = {}}, *fields);
  if (!parser) std::abort();
  const std::string text = padded(input.substr(std::min(newline + 1, input.size())));
  const std::string_view line = std::string_view{text}.substr(0, text.size() - padded({}).size());
  std::vector<std::string_view> values(fields->size());
  if (!(*parser)->parse(line, values)) return 0;
  for (const std::string_view value : values) {
    if (value.data() == nullptr) continue;
    if (value.data() < line.data() || value.data() + value.size() > line.data() + line.size()) {
      std::abort();
    }
  }
  return 0;
}
