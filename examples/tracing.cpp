// A request's trace goes with its tasks, wherever they run.
#include "millpool/millpool.hpp"

#include <iostream>
#include <optional>

int main() {
  using namespace millpool;
  pool_options options{.name = "orders", .min_workers = 1, .max_workers = 1};
  // What a service has instead: otlp_exporter::watch(), which sends them to a collector.
  options.on_span = [](const span_info& span) {
    if (span.kind != span_kind::run) return;
    std::cout << "a span of trace " << span.context.trace_id_text().substr(0, 8) << "\n";
  };
  worker_pool orders{options};

  // As the header of a request has it.
  const auto asked =
      trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  {
    const trace_scope here{asked};
    orders.post([&] {
      orders.post([] {});  // belongs there, too
      // What it asks others for is to carry the header: of the same trace, with this task's span.
      std::cout << trace_context::current()->traceparent().substr(0, 11) << "...\n";
    });
  }
  orders.wait_idle();
}
