// --where: the first line of the input; it is refused with a column, or it answers for values that
// are the other lines. Its negation then answers the opposite.
#include "apps/millpool/logs/filter.hpp"
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
  std::string_view input{reinterpret_cast<const char*>(data), size};
  const auto next_line = [&] {
    const std::size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    return line;
  };
  const std::string text{next_line()};
  const auto made = filter::parse(text, "time", 2015);
  if (!made) {
    if (!made.error().starts_with("column ")) std::abort();
    return 0;
  }
  std::vector<std::string> readable;
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < made->fields().size(); ++i) readable.push_back(padded(next_line()));
  for (const std::string& value : readable) {
    const auto length = value.size() - padded({}).size();
    values.push_back(length == 0 ? std::string_view{} : std::string_view{value}.substr(0, length));
  }
  time_reader times{2015};
  const bool holds = made->matches(values, times);
  const auto negated = filter::parse("not (" + text + ")", "time", 2015);
  // What is nested as deeply as may be has no room for one more.
  if (negated && negated->matches(values, times) == holds) std::abort();
  return 0;
}
