#pragma once

#include <re2/re2.h>

namespace millpool::logs {

/// How all expressions are read: over any bytes, since logs hold any, and without complaints on
/// standard error.
[[nodiscard]] inline RE2::Options re2_options() {
  RE2::Options options{RE2::Quiet};
  options.set_encoding(RE2::Options::EncodingLatin1);
  return options;
}

}  // namespace millpool::logs
