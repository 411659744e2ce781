#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

namespace millpool::run {

/// Where the output of jobs leaves, in pieces that stay together.
class output_target {
 public:
  enum class stream : std::uint8_t { output, error };

  output_target() = default;
  output_target(const output_target&) = delete;
  output_target& operator=(const output_target&) = delete;
  virtual ~output_target() = default;

  [[nodiscard]] virtual std::error_code write(stream to, std::string_view bytes) = 0;
};

/// Our own standard output and error.
class standard_streams final : public output_target {
 public:
  [[nodiscard]] std::error_code write(stream to, std::string_view bytes) override;
};

}  // namespace millpool::run
