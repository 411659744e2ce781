// The program of one subject: <program> <case> <tasks>, or <program> about.
// Prints its figures as name=value, a line each. A process of its own a run, so that memory, CPU
// time and threads left behind are this subject's alone. Exit status 3: the rival has no such
// thing; 4: this machine does not let it run; 1: the answer was wrong.
#pragma once

#include "bench/pool/cases/article.hpp"
#include "bench/pool/cases/futures.hpp"
#include "bench/pool/cases/inside.hpp"
#include "bench/pool/cases/latency.hpp"
#include "bench/pool/cases/stream.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace bench {

/// \tparam  P       for tasks from outside.
/// \tparam  Inside  for tasks that tasks make, where the rival has a better idiom for those.
/// \return nothing if the subject has no equivalent.
template <class P, class Inside>
std::optional<figures> run_case(std::string_view name, std::uint64_t tasks) {
  if (name == "A") return case_a<P>(tasks);
  if (name == "D" || name == "M") return case_d<Inside>(tasks);
  if (name == "K") return case_k<P>(tasks);
  if (name == "W1") return case_w1<P>(tasks);
  if constexpr (has_submit<P>) {
    if (name == "C") return case_c<P>(tasks);
    if (name == "C1") return case_c1<P>(tasks);
  }
  if constexpr (has_fork<Inside>) {
    if (name == "F") return case_f<Inside>(tasks);
  }
  if constexpr (has_collect<P>) {
    if (name == "W0r") return case_w0r<P>(tasks);
  }
  if constexpr (!is_region<P>) {
    if (name == "B") return case_b<P>(tasks);
    if (name == "G") return case_g<P>(tasks);
    if (name == "H50") return case_h<P, 50'000>(tasks);
    if (name == "H200") return case_h<P, 200'000>(tasks);
    if (name == "I") return case_i<P>(tasks);
    if (name == "J3") return case_j<P, 3>(tasks);
    if (name == "J1024") return case_j<P, 1024>(tasks);
    if (name == "W2") return case_w2<P>(tasks);
    if (name == "W3") return case_w3<P>(tasks);
  }
  return std::nullopt;
}

inline constexpr int no_equivalent = 3;
inline constexpr int cannot_run = 4;

/// \param  about  the rival's name and version.
template <class P, class Inside = P>
int subject_main(int argc, char** argv, const std::string& about) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  if (wanted == "about") return std::puts(about.c_str()) < 0 ? 1 : 0;
  const std::uint64_t tasks = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (tasks == 0) return 2;
  try {
    auto found = run_case<P, Inside>(wanted, tasks);
    if (!found) return no_equivalent;
    (*found)["peak_rss_kib"] = peak_rss_kib();
    for (const auto& [name, value] : *found) std::printf("%s=%.17g\n", name.c_str(), value);
  } catch (const std::system_error& error) {  // a thread a task may be more than a machine allows
    std::fprintf(stderr, "%s, case %s: %s\n", about.c_str(), argv[1], error.what());
    return cannot_run;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s, case %s: %s\n", about.c_str(), argv[1], error.what());
    return 1;
  }
  std::fflush(stdout);
  ::_exit(0);  // a rival's threads are not waited for: some never end
}

}  // namespace bench
