// Runs a subject's program and reads its figures.
#pragma once

#include "bench/pool/catalogue.hpp"
#include "bench/pool/figures.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// Whether its program was built.
bool is_built(const subject_info& subject);

/// Its name and version.
std::string about(const subject_info& subject);

/// One run, in a process of its own.
/// \return nothing if the rival has no equivalent, or this machine lacks what it takes.
/// \throws std::runtime_error if the answer was wrong, or the program crashed or hung.
std::optional<figures> run_subject(const subject_info& subject, const std::string& case_id,
                                   std::uint64_t tasks);

}  // namespace bench
