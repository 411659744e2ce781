#include "apps/millpool/thumbs/jpeg_metadata.hpp"

#include "apps/millpool/thumbs/exif_orientation.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace millpool::thumbs {
namespace {

using namespace std::string_view_literals;

constexpr int most_segments = 4096;
constexpr std::uint8_t app1 = 0xe1;
constexpr std::uint8_t app2 = 0xe2;
constexpr std::uint8_t start_of_scan = 0xda;
constexpr std::string_view exif_name = "Exif\0\0"sv;
constexpr std::string_view icc_name = "ICC_PROFILE\0"sv;  // and behind it: which part, of how many

// The parts of a profile, if none is missing.
[[nodiscard]] std::string joined(const std::map<unsigned, std::string>& parts, std::size_t count) {
  std::string all;
  if (parts.size() != count || parts.empty() || parts.rbegin()->first != count) return all;
  for (const auto& [number, part] : parts) all += part;
  return all;
}

}  // namespace

jpeg_metadata read_jpeg_metadata(byte_source& file) {
  jpeg_metadata found;
  std::map<unsigned, std::string> profile;
  std::size_t profile_parts = 0;
  std::uint64_t at = 2;
  for (int i = 0; i < most_segments; ++i) {
    std::array<std::uint8_t, 18> head{};  // 0xff, a code, two bytes of length, a name
    if (file.read_at(head, at) < head.size() || head[1] == start_of_scan) break;
    if (head[0] != 0xff || head[1] == 0xff || head[1] == 0) {  // padding
      ++at;
      continue;
    }
    const std::size_t length = std::size_t{head[2]} << 8 | head[3];
    const std::string_view name{reinterpret_cast<const char*>(head.data()) + 4, 14};
    const std::uint64_t content = at + 4;
    at += 2 + length;
    if (length < 2 + name.size()) continue;
    std::vector<std::uint8_t> bytes(length - 2);
    if (head[1] == app1 && name.starts_with(exif_name)) {
      bytes.resize(file.read_at(bytes, content));
      if (const unsigned turn = exif_orientation(bytes); turn != 1) found.orientation = turn;
    } else if (head[1] == app2 && name.starts_with(icc_name)) {
      bytes.resize(file.read_at(bytes, content));
      if (bytes.size() < name.size()) break;
      profile_parts = bytes[13];
      profile[bytes[12]].assign(bytes.begin() + 14, bytes.end());
    }
  }
  found.icc = joined(profile, profile_parts);
  return found;
}

}  // namespace millpool::thumbs
