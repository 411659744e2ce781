#include "apps/millpool/run/output_format.hpp"

#include "apps/support/io.hpp"
#include "apps/support/json_line.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <expected>
#include <string>

namespace millpool::run {
namespace {

constexpr std::size_t copy_size = 64 * 1024;

// The tag goes before each line; a chunk may end inside one.
void append_tagged(std::string& out, std::string_view chunk, std::string_view tag,
                   bool& at_line_start) {
  while (!chunk.empty()) {
    if (at_line_start) out += tag;
    const auto newline = chunk.find('\n');
    at_line_start = newline != std::string_view::npos;
    const std::string_view line = chunk.substr(0, at_line_start ? newline + 1 : chunk.size());
    out += line;
    chunk.remove_prefix(line.size());
  }
}

[[nodiscard]] std::expected<std::string, std::error_code> read_all(int fd, std::uint64_t size) {
  std::string text(size, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = app::read_at(fd, std::span(text).subspan(filled), filled);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    filled += *got;
  }
  text.resize(filled);
  return text;
}

}  // namespace

std::error_code standard_streams::write(stream to, std::string_view bytes) {
  return app::write_all(to == stream::output ? 1 : 2, bytes);
}

std::error_code output_format::write(const job_report& report, const job_files& files,
                                     output_target& to) {
  if (style_ == style::json) return write_json(report, files, to);
  using enum output_target::stream;
  if (const auto error_code = copy(files.output(), files.output_size(), report.tag, output, to)) {
    return error_code;
  }
  return copy(files.error(), files.error_size(), report.tag, error, to);
}

std::error_code output_format::copy(int fd, std::uint64_t size, std::string_view tag,
                                    output_target::stream stream, output_target& to) {
  if (size == 0) return {};
  buffer_.resize(copy_size);
  std::string tagged;
  bool at_line_start = true;
  // Not beyond `size`: a process that the job left behind may still be writing.
  for (std::uint64_t offset = 0; offset < size;) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(size - offset, copy_size));
    const auto got = app::read_at(fd, std::span(buffer_).first(length), offset);
    if (!got) return got.error();
    if (*got == 0) break;
    offset += *got;
    std::string_view chunk(buffer_.data(), *got);
    if (!tag.empty()) {
      tagged.clear();
      append_tagged(tagged, chunk, tag, at_line_start);
      chunk = tagged;
    }
    if (const auto error = to.write(stream, chunk)) return error;
  }
  return {};
}

std::error_code output_format::write_json(const job_report& report, const job_files& files,
                                          output_target& to) {
  const auto output = read_all(files.output(), files.output_size());
  if (!output) return output.error();
  const auto error = read_all(files.error(), files.error_size());
  if (!error) return error.error();
  app::json_line line;
  line.put("seq", static_cast<std::int64_t>(report.seq))
      .put("args", *report.args)
      .put("command", report.command)
      .put("start", static_cast<double>(report.start.count()) / 1000.0)
      .put("runtime", static_cast<double>(report.runtime / std::chrono::milliseconds{1}) / 1000.0)
      .put("exit", static_cast<std::int64_t>(report.exit_value))
      .put("signal", static_cast<std::int64_t>(report.signal))
      .put("attempt", static_cast<std::int64_t>(report.attempt))
      .put("stdout", *output)
      .put("stderr", *error);
  return to.write(output_target::stream::output, line.text());
}

}  // namespace millpool::run
