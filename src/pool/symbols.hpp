// Layer 3 · pool: names for what people are told.
#pragma once

#include <cstdint>
#include <string>

namespace millpool {

/// Where a thread is in a function.
struct code_address {
  std::uintptr_t at;
  bool is_return;  ///< to where a call returns; else the instruction itself
};

/// "function+0x1f (module)", by the module's own symbols, also those that it does not export; else
/// "module+0x2ab3", or the bare address. Reads the module's file. \throws std::bad_alloc.
[[nodiscard]] std::string name_of_code(const code_address& where);

/// A name as it was written; if it is none, as it is. \throws std::bad_alloc.
[[nodiscard]] std::string demangled(const char* name);

}  // namespace millpool
