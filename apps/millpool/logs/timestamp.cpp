#include "apps/millpool/logs/timestamp.hpp"

#include "apps/millpool/logs/number.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace millpool::logs {
namespace {

constexpr unix_ms second = 1000;
constexpr unix_ms minute = 60 * second;
constexpr unix_ms hour = 60 * minute;
constexpr unix_ms day = 24 * hour;

// Reads a text from the front. Once something was not as expected, everything fails.
class reader {
 public:
  explicit reader(std::string_view text) noexcept : rest_{text} {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] bool next_is(std::string_view any_of) const noexcept {
    return !rest_.empty() && any_of.find(rest_.front()) != std::string_view::npos;
  }
  char take() noexcept {
    if (rest_.empty()) {
      failed_ = true;
      return '\0';
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  void expect(std::string_view any_of) noexcept {
    if (any_of.find(take()) == std::string_view::npos) failed_ = true;
  }
  // A number of just so many digits, at most `most`.
  int digits(int count, int most) noexcept {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      const char c = take();
      if (c < '0' || c > '9') failed_ = true;
      value = value * 10 + (c - '0');
    }
    if (value > most) failed_ = true;
    return value;
  }
  unsigned month_name() noexcept {
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const std::size_t at = rest_.size() >= 3 ? names.find(rest_.substr(0, 3)) : names.npos;
    if (at == names.npos || at % 3 != 0) {
      failed_ = true;
      return 1;
    }
    rest_.remove_prefix(3);
    return static_cast<unsigned>(at / 3 + 1);
  }
  // The fraction behind a point, in milliseconds. Any number of digits.
  int milliseconds() noexcept {
    int value = 0;
    int scale = 100;
    if (!next_is("0123456789")) failed_ = true;
    while (next_is("0123456789")) {
      value += (take() - '0') * scale;
      scale /= 10;
    }
    return value;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

[[nodiscard]] std::optional<unix_ms> midnight(int year, unsigned month, unsigned day_of_month) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day_of_month}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date}.time_since_epoch().count() * day;
}

[[nodiscard]] unix_ms time_of_day(reader& in) {
  const int hours = in.digits(2, 23);
  in.expect(":");
  const int minutes = in.digits(2, 59);
  return hours * hour + minutes * minute;
}

[[nodiscard]] unix_ms seconds_of(reader& in) {
  in.expect(":");
  return in.digits(2, 60) * second;  // 60: a leap second
}

// "+0200" or "+02:00": what to take off for UTC.
[[nodiscard]] unix_ms zone(reader& in) {
  const int sign = in.next_is("-") ? -1 : 1;
  in.expect("+-");
  const int hours = in.digits(2, 23);
  if (in.next_is(":")) in.expect(":");
  return sign * (hours * hour + in.digits(2, 59) * minute);
}

[[nodiscard]] std::optional<unix_ms> access_log_time(std::string_view text) {
  reader in{text};
  const auto day_of_month = static_cast<unsigned>(in.digits(2, 31));
  in.expect("/");
  const unsigned month = in.month_name();
  in.expect("/");
  const int year = in.digits(4, 9999);
  in.expect(":");
  unix_ms within = time_of_day(in);
  within += seconds_of(in);
  in.expect(" ");
  within -= zone(in);
  if (in.failed() || !in.at_end()) return std::nullopt;
  const auto date = midnight(year, month, day_of_month);
  return date ? std::optional{*date + within} : std::nullopt;
}

[[nodiscard]] std::optional<unix_ms> iso_time(std::string_view text) {
  reader in{text};
  const int year = in.digits(4, 9999);
  in.expect("-");
  const auto month = static_cast<unsigned>(in.digits(2, 12));
  in.expect("-");
  const auto day_of_month = static_cast<unsigned>(in.digits(2, 31));
  unix_ms within = 0;
  if (!in.at_end()) {
    in.expect("T t");
    within = time_of_day(in);
    if (in.next_is(":")) within += seconds_of(in);
    if (in.next_is(".,")) {
      in.expect(".,");
      within += in.milliseconds();
    }
    if (in.next_is(" ")) in.expect(" ");
    if (in.next_is("Zz")) {
      in.expect("Zz");
    } else if (!in.at_end()) {
      within -= zone(in);
    }
  }
  if (in.failed() || !in.at_end()) return std::nullopt;
  const auto date = midnight(year, month, day_of_month);
  return date ? std::optional{*date + within} : std::nullopt;
}

[[nodiscard]] std::optional<unix_ms> syslog_time(std::string_view text, int year) {
  reader in{text};
  const unsigned month = in.month_name();
  in.expect(" ");
  unsigned day_of_month = 0;
  if (in.next_is(" ")) {  // a day below 10 is padded
    in.expect(" ");
    day_of_month = static_cast<unsigned>(in.digits(1, 9));
  } else {
    day_of_month = static_cast<unsigned>(in.digits(2, 31));
  }
  in.expect(" ");
  unix_ms within = time_of_day(in);
  within += seconds_of(in);
  if (in.failed() || !in.at_end()) return std::nullopt;
  const auto date = midnight(year, month, day_of_month);
  return date ? std::optional{*date + within} : std::nullopt;
}

[[nodiscard]] std::optional<unix_ms> epoch_time(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto value = parse_number(text);
  if (!value) return std::nullopt;
  double ms = *value;
  if (ms < 1e11) {
    ms *= 1e3;
  } else if (ms >= 1e17) {
    ms /= 1e6;
  } else if (ms >= 1e14) {
    ms /= 1e3;
  }
  if (ms >= 253402300800000.0) return std::nullopt;  // the year 10000
  return static_cast<unix_ms>(std::floor(ms));
}

}  // namespace

std::optional<unix_ms> parse_time(std::string_view text, int year) {
  if (text.size() < 4) return epoch_time(text);
  if (text[2] == '/') return access_log_time(text);
  if (text.size() > 4 && text[4] == '-') return iso_time(text);
  if (text.front() >= 'A' && text.front() <= 'S') return syslog_time(text, year);
  return epoch_time(text);
}

std::string show_time(unix_ms time, unix_ms unit) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds{time}};
  const auto date = floor<days>(at);
  const year_month_day ymd{date};
  const hh_mm_ss clock{floor<std::chrono::seconds>(at - date)};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(ymd.year()),
                static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  const std::string_view all{text};
  if (unit % day == 0) return std::string{all.substr(0, all.size() - 9)};
  if (unit % minute == 0) return std::string{all.substr(0, all.size() - 3)};
  return std::string{all};
}

std::optional<unix_ms> time_reader::read(std::string_view text) {
  constexpr std::size_t minute_ends = 18;
  constexpr std::size_t zone_begins = 20;
  if (text.size() != last_.size() || text[2] != '/') return parse_time(text, year_);
  const auto tens = static_cast<unsigned>(text[minute_ends] - '0');
  const auto ones = static_cast<unsigned>(text[minute_ends + 1] - '0');
  if (std::memcmp(text.data(), last_.data(), minute_ends) == 0 &&
      std::memcmp(text.data() + zone_begins, last_.data() + zone_begins,
                  last_.size() - zone_begins) == 0 &&
      tens < 6 && ones < 10) {
    return last_minute_ + (tens * 10 + ones) * second;
  }
  const auto time = parse_time(text, year_);
  if (time && tens < 6) {
    std::copy(text.begin(), text.end(), last_.begin());
    last_minute_ = *time - (tens * 10 + ones) * second;
  }
  return time;
}

}  // namespace millpool::logs
