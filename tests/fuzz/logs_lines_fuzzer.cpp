// Each line parser, on any line: no crash, no read beyond the padding, and whether a line is
// malformed does not depend on the fields that are asked for. The first byte chooses the format.
#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/timestamp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace millpool::logs;

struct parsers {
  std::unique_ptr<line_parser> some;
  std::unique_ptr<line_parser> none;
  std::size_t fields;
};

parsers make(const line_format& format, const std::vector<std::string>& fields) {
  return {std::move(*make_parser(format, fields)), std::move(*make_parser(format, {})),
          fields.size()};
}

std::vector<parsers>& all() {
  static std::vector<parsers> made = [] {
    const auto of = [](format_kind kind) {
      return line_format{.kind = kind, .pattern = {}, .columns = {"a", "b", "c"}};
    };
    std::vector<parsers> out;
    out.push_back(make(of(format_kind::combined), {"remote_host", "user", "time", "method", "path",
                                                   "protocol", "status", "bytes", "user_agent"}));
    out.push_back(make(of(format_kind::json), {"a", "b.c", "time"}));
    out.push_back(make(of(format_kind::logfmt), {"a", "b", "time"}));
    out.push_back(make(of(format_kind::syslog),
                       {"severity", "time", "program", "pid", "structured_data", "message"}));
    out.push_back(make(of(format_kind::csv), {"c", "a"}));
    return out;
  }();
  return made;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are bytes.
  const std::string_view line{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (line.find('\n') != std::string_view::npos) return 0;
  const std::string text = padded(line);
  const std::string_view view = std::string_view{text}.substr(0, line.size());
  parsers& chosen = all()[data[0] % all().size()];
  std::array<std::string_view, 16> values{};
  const bool fits = chosen.some->parse(view, std::span{values}.first(chosen.fields));
  require(fits == chosen.none->parse(view, {}));
  if (!fits) return 0;
  time_reader times{2015};
  for (std::size_t i = 0; i < chosen.fields; ++i) {
    if (values[i].data() == nullptr) continue;
    std::size_t sum = 0;  // each byte can be read
    for (const char c : values[i]) sum += static_cast<unsigned char>(c);
    require(times.read(values[i]) == parse_time(values[i], 2015) || sum == 0);
  }
  return 0;
}
