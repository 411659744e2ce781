#include "apps/millpool/thumbs/jpeg_scans.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millpool::thumbs {
namespace {

using namespace std::string_literals;

using bytes = std::vector<std::uint8_t>;

[[nodiscard]] bytes of(const std::string& text) { return {text.begin(), text.end()}; }

const std::string start = "\xff\xd8"s;
const std::string end = "\xff\xd9"s;
const std::string frame = "\xff\xc2\0\x04hi"s;
// A scan of one component: its header, then data with a stuffed 0xff and a restart marker.
[[nodiscard]] std::string scan(char first_coefficient, const std::string& data) {
  return "\xff\xda\0\x08\x01\x01\0"s + first_coefficient + "\x3f\0"s + data;
}
const std::string dc = scan('\0', "dc\xff\0data\xff\xd0more"s);
const std::string ac = scan('\x01', "ac\xff\0data\xff\xd7more"s);

[[nodiscard]] std::string kept(const std::string& file) {
  bytes all = of(file);
  const auto cut = keep_dc_scans(all);
  return cut ? std::string(all.begin(), all.end()) : std::string(to_string(cut.error().kind));
}

TEST(KeepDcScans, LeavesTheScansOfDcCoefficients) {
  EXPECT_EQ(kept(start + frame + dc + ac + dc + ac + end), start + frame + dc + dc + end);
}

TEST(KeepDcScans, WhatComesBehindTheEndIsNoPartOfIt) {
  EXPECT_EQ(kept(start + dc + end + "trailer\xff\xda"), start + dc + end);
}

TEST(KeepDcScans, FillBytesAreKept) {
  EXPECT_EQ(kept(start + "\xff\xff" + frame + dc + end), start + "\xff\xff" + frame + dc + end);
}

TEST(KeepDcScans, AFileThatIsCutAnywhereIsTruncated) {
  const std::string whole = start + frame + dc + ac + end;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(kept(whole.substr(0, size)), "truncated") << size;
}

TEST(KeepDcScans, LengthsThatMakeNoSenseAreDamage) {
  EXPECT_EQ(kept(start + "\xff\xc2\0\x01"s + end), "damaged");
  EXPECT_EQ(kept(start + "\xff\xda\0\x08\x03\x01\0\0\x3f\0"s + end), "damaged");
  EXPECT_EQ(kept(start + "\xff\xda\0\x02"s + end), "damaged");
}

}  // namespace
}  // namespace millpool::thumbs
