#include "apps/support/progress_bar.hpp"

#include "apps/support/io.hpp"
#include "apps/support/units.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace millpool::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration terminal_pace = milliseconds{100};
constexpr duration plain_pace = seconds{10};

[[nodiscard]] unsigned columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

[[nodiscard]] double in_seconds(duration span) {
  return std::chrono::duration<double>(span).count();
}

[[nodiscard]] std::string show_rate(double per_second) {
  char text[32];
  std::snprintf(text, sizeof text, per_second < 10 ? "%.1f/s" : "%.0f/s", per_second);
  return text;
}

}  // namespace

progress_bar::progress_bar(std::string program, int fd, const clock& time, progress_unit unit)
    : program_(std::move(program)),
      fd_(fd),
      time_(time),
      unit_(unit),
      terminal_(::isatty(fd) == 1),
      begun_(time.now()),
      shown_(terminal_ ? begun_ - terminal_pace : begun_) {}

duration progress_bar::pace() const noexcept { return terminal_ ? terminal_pace : plain_pace; }

void progress_bar::show(const progress& now) {
  // After a wipe the bar comes back at once, so that it does not flicker.
  if (time_.now() - shown_ < pace() && !(terminal_ && !drawn_)) return;
  shown_ = time_.now();
  if (!terminal_) {
    complain(program_, figures(now));
    return;
  }
  drawn_ = true;
  // Clear to the end of the line only after the text: no flicker.
  write_or_drop(fd_, "\r" + render(now, columns_of(fd_)) + "\033[K");
}

void progress_bar::wipe() {
  if (!drawn_) return;
  drawn_ = false;
  write_or_drop(fd_, "\r\033[K");
}

void progress_bar::finish(const progress& now) {
  wipe();
  const duration took = time_.now() - begun_;
  char seconds_text[32];
  std::snprintf(seconds_text, sizeof seconds_text, "%.1fs", in_seconds(took));
  const std::uint64_t fresh = now.done;
  std::string text = std::to_string(fresh) + (fresh == 1 ? " job in " : " jobs in ");
  text += took < seconds{60} ? std::string(seconds_text) : show_duration(took);
  text += " (" + show_rate(rate(now)) + "): " + std::to_string(now.done - now.failed) +
          " succeeded, " + std::to_string(now.failed) + " failed";
  if (now.skipped > 0) text += ", " + std::to_string(now.skipped) + " done before";
  complain(program_, text);
}

double progress_bar::rate(const progress& now) {
  const double elapsed = std::max(in_seconds(time_.now() - begun_), 1e-3);
  return static_cast<double>(now.done) / elapsed;
}

std::string progress_bar::amount(std::uint64_t count) const {
  return unit_ == progress_unit::bytes ? show_bytes(count) : std::to_string(count);
}

std::string progress_bar::rate_text(double per_second) const {
  if (unit_ == progress_unit::jobs) return show_rate(per_second);
  return show_bytes(static_cast<std::uint64_t>(per_second)) + "/s";
}

std::string progress_bar::figures(const progress& now) {
  const std::uint64_t reached = now.done + now.skipped;
  std::string text = amount(reached);
  if (now.total) text += "/" + amount(*now.total);
  if (now.failed > 0) text += "  " + std::to_string(now.failed) + " failed";
  const double per_second = rate(now);
  text += "  " + rate_text(per_second);
  if (now.total && now.done > 0 && *now.total >= reached) {
    const double left = std::ceil(static_cast<double>(*now.total - reached) / per_second);
    text += "  ETA " + show_duration(duration{static_cast<std::int64_t>(left * 1e9)});
  }
  return text;
}

std::string progress_bar::render(const progress& now, unsigned columns) {
  const std::string text = figures(now);
  std::string line;
  constexpr std::size_t around = 10;  // "100% [] " and a column that stays free
  if (now.total && *now.total > 0 && columns > text.size() + around + 10) {
    const std::uint64_t reached = std::min(now.done + now.skipped, *now.total);
    const double share = static_cast<double>(reached) / static_cast<double>(*now.total);
    const std::size_t width = std::min<std::size_t>(columns - text.size() - around, 40);
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
    char percent[8];
    std::snprintf(percent, sizeof percent, "%3d%%", static_cast<int>(share * 100));
    line = std::string(percent) + " [" + std::string(filled, '#') +
           std::string(width - filled, '.') + "] ";
  }
  line += text;
  if (line.size() >= columns) line.resize(columns > 1 ? columns - 1 : 0);
  return line;
}

}  // namespace millpool::app
