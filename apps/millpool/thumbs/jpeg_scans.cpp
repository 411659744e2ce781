#include "apps/millpool/thumbs/jpeg_scans.hpp"

#include <cstddef>
#include <cstring>
#include <optional>

namespace millpool::thumbs {
namespace {

constexpr std::uint8_t start_of_image = 0xd8;
constexpr std::uint8_t end_of_image = 0xd9;
constexpr std::uint8_t scan_begins = 0xda;

[[nodiscard]] constexpr bool is_restart(std::uint8_t code) { return code >= 0xd0 && code <= 0xd7; }
// Markers that no length follows.
[[nodiscard]] constexpr bool stands_alone(std::uint8_t code) {
  return code == 0x01 || code == start_of_image || is_restart(code);
}

// Moves the parts that stay to the front of the file.
class scan_cutter {
 public:
  explicit scan_cutter(std::vector<std::uint8_t>& file) noexcept : file_{file} {}

  [[nodiscard]] or_failure<void> cut() {
    for (;;) {
      const std::size_t marker = at_;
      const auto code = next_code();
      if (!code) return too_short();
      if (*code == end_of_image) {
        keep(marker, at_);
        file_.resize(kept_);
        return {};
      }
      if (stands_alone(*code)) {
        keep(marker, at_);
        continue;
      }
      if (file_.size() - at_ < 2) return too_short();
      const std::size_t length = std::size_t{file_[at_]} << 8 | file_[at_ + 1];
      if (length < 2) return fail(failure_kind::damaged, "a JPEG segment has no length");
      if (length > file_.size() - at_) return too_short();
      const std::size_t segment = at_;
      at_ += length;
      bool wanted = true;
      if (*code == scan_begins) {
        const std::size_t components = length > 2 ? file_[segment + 2] : 0;
        if (length != 6 + 2 * components)
          return fail(failure_kind::damaged, "a JPEG scan has a header of the wrong length");
        wanted = file_[segment + 3 + 2 * components] == 0;  // its first coefficient
        skip_entropy_coded();
      }
      if (wanted) keep(marker, at_);
    }
  }

 private:
  [[nodiscard]] static std::unexpected<failure> too_short() {
    return fail(failure_kind::truncated, "the JPEG file ends before its end-of-image marker");
  }

  // The code of the next marker; what lies before it is passed over, as libjpeg does.
  [[nodiscard]] std::optional<std::uint8_t> next_code() {
    while (at_ < file_.size() && file_[at_] != 0xff) ++at_;
    while (at_ < file_.size() && file_[at_] == 0xff) ++at_;
    if (at_ >= file_.size()) return std::nullopt;
    return file_[at_++];
  }

  // Up to the next marker that is no restart. A 0xff in the data is followed by 0.
  void skip_entropy_coded() {
    while (at_ + 1 < file_.size()) {
      const void* const found = std::memchr(file_.data() + at_, 0xff, file_.size() - at_ - 1);
      if (found == nullptr) break;
      at_ = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - file_.data());
      const std::uint8_t code = file_[at_ + 1];
      if (code == 0xff) {
        ++at_;
      } else if (code == 0 || is_restart(code)) {
        at_ += 2;
      } else {
        return;
      }
    }
    at_ = file_.size();
  }

  void keep(std::size_t from, std::size_t to) {
    std::memmove(file_.data() + kept_, file_.data() + from, to - from);
    kept_ += to - from;
  }

  std::vector<std::uint8_t>& file_;
  std::size_t at_ = 0;
  std::size_t kept_ = 0;
};

}  // namespace

or_failure<void> keep_dc_scans(std::vector<std::uint8_t>& file) { return scan_cutter{file}.cut(); }

}  // namespace millpool::thumbs
