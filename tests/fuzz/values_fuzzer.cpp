// Every value that a flag can have is read or refused with a sentence, whatever its bytes; what is
// read lies in its range.
#include "apps/millpool/run/halt.hpp"
#include "apps/millpool/run/options.hpp"
#include "apps/millpool/run/start_gate.hpp"
#include "apps/millpool/run/time_limit.hpp"
#include "apps/support/units.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

template <class Result, class Fits>
void check(const Result& result, Fits fits) {
  if (result ? !fits(*result) : result.error().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millpool;
  const std::string text(data, data + size);
  check(app::parse_duration(text), [](auto d) { return d >= d.zero(); });
  check(app::parse_size(text), [](auto) { return true; });
  check(run::parse_jobs(text, 4), [](unsigned jobs) { return jobs >= 1 && jobs <= 10'000; });
  check(run::parse_time_limit(text), [](const run::time_limit_spec& limit) {
    return limit.fixed >= duration::zero() && limit.percent >= 0;
  });
  check(run::parse_halt(text), [](const run::halt_policy& halt) {
    return halt.stop == run::halt_policy::when::never || (halt.count > 0) != (halt.percent > 0);
  });
  static_cast<void>(run::available_memory(text));
  return 0;
}
