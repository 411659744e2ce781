// Layer 1 · telemetry: the page that a Prometheus server reads.
#pragma once

#include "millpool/telemetry/histogram.hpp"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace millpool {

/// The text formats that a Prometheus server understands.
enum class metrics_format : std::uint8_t {
  prometheus,   ///< the text format 0.0.4
  openmetrics,  ///< OpenMetrics 1.0.0
};

/// The format to answer with, by HTTP's rules for quality values.
/// \param  accept  the value of the request's Accept header; whatever it is, there is an answer:
///                 the text format 0.0.4, unless OpenMetrics is named and wanted at least as much.
[[nodiscard]] metrics_format choose_metrics_format(std::string_view accept) noexcept;

/// For the answer's Content-Type header.
[[nodiscard]] std::string_view content_type(metrics_format format) noexcept;

/// A label of a sample. The name is right as it stands; the value may be any bytes.
struct metric_label {
  std::string_view name;
  std::string_view value;
};

enum class metric_type : std::uint8_t { gauge, counter, histogram, info };

/// Writes one page: families one after the other, each with all its samples.
///
///   exposition page{metrics_format::openmetrics};
///   page.family("millpool_steals", metric_type::counter, "Tasks taken from another worker.");
///   page.value({{"pool", "orders"}}, 12.0);
///   std::move(page).finish();
///
/// Names          as Prometheus' rules have them: a counter without `_total` and an info without
///                `_info`, which are added where the format wants them; a name with a unit ends
///                with that.
/// Text           label values and help are escaped; what is not UTF-8 in them becomes U+FFFD.
/// Thread safety  none. Exceptions: std::bad_alloc.
class exposition {
 public:
  explicit exposition(metrics_format format) noexcept : format_{format} {}

  using labels = std::span<const metric_label>;
  using label_list = std::initializer_list<metric_label>;

  /// What follows, until the next family, are its samples.
  /// \param  unit  "seconds", "bytes", "ratio"; empty: none.
  void family(std::string_view name, metric_type type, std::string_view help,
              std::string_view unit = {});

  void value(labels of, double number);
  void value(labels of, std::uint64_t number);
  void value(label_list of, double number) { value(labels{of.begin(), of.size()}, number); }
  void value(label_list of, std::uint64_t number) { value(labels{of.begin(), of.size()}, number); }

  /// A histogram in seconds, of bounds that double from 1.024 us to 69 s.
  void histogram(labels of, const histogram_snapshot& times);
  void histogram(label_list of, const histogram_snapshot& times) {
    histogram(labels{of.begin(), of.size()}, times);
  }

  /// The page.
  [[nodiscard]] std::string finish() &&;

 private:
  void begin_sample(std::string_view suffix, labels of, std::string_view bound = {});
  void append(double number);
  void append_text(std::string_view text, bool quoted);

  metrics_format format_;
  metric_type type_ = metric_type::gauge;
  std::string name_{};  // of the family, as its samples have it
  std::string page_{};
};

}  // namespace millpool
