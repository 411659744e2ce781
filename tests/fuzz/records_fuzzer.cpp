// However the bytes of a stream are cut into reads, the records are the same, and none is lost.
// Input: the first byte is the largest read, less one; the rest is the stream.
#include "apps/millpool/run/record_splitter.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

// What record_splitter promises, in its shortest form.
std::vector<std::string> split_at_once(std::string_view stream) {
  std::vector<std::string> records;
  while (!stream.empty()) {
    const std::size_t end = stream.find('\n');
    records.emplace_back(stream.substr(0, end));
    stream.remove_prefix(end == std::string_view::npos ? stream.size() : end + 1);
  }
  return records;
}

std::vector<std::string> split_in_reads(std::string_view stream, std::size_t read_max) {
  millpool::run::record_splitter splitter{'\n'};
  std::vector<std::string> records;
  const auto take_all = [&] {
    while (const auto record = splitter.next()) records.emplace_back(*record);
  };
  while (!stream.empty()) {
    const std::span<char> room = splitter.room();
    const std::size_t n = std::min({read_max, room.size(), stream.size()});
    std::copy_n(stream.begin(), n, room.begin());
    splitter.commit(n);
    stream.remove_prefix(n);
    take_all();
  }
  splitter.finish();
  take_all();
  if (!splitter.at_end()) std::abort();
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string stream(size - 1, '\0');
  std::copy_n(data + 1, size - 1, stream.begin());
  if (split_in_reads(stream, data[0] + std::size_t{1}) != split_at_once(stream)) std::abort();
  return 0;
}
