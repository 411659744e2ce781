#include "apps/millpool/thumbs/jpeg_errors.hpp"

#include <algorithm>
#include <cstring>
#include <jerror.h>

namespace millpool::thumbs {
namespace {

[[nodiscard]] failure_kind kind_of(int code) noexcept {
  switch (code) {
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
    case JWRN_JPEG_EOF:
    case JERR_NO_IMAGE:
      return failure_kind::truncated;
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_ARITH_NOTIMPL:
      return failure_kind::unsupported;
    case JERR_IMAGE_TOO_BIG:
    case JERR_OUT_OF_MEMORY:
      return failure_kind::too_big;
    default:
      return failure_kind::damaged;
  }
}

// No pixel is lost where cameras pad, name a version that nobody knows, or leave a field of a
// progressive scan in another one.
[[nodiscard]] bool is_harmless(int warning) noexcept {
  constexpr int harmless[] = {JWRN_EXTRANEOUS_DATA, JWRN_JFIF_MAJOR,    JWRN_ADOBE_XFORM,
                              JWRN_BOGUS_ICC,       JWRN_TOO_MUCH_DATA, JWRN_NOT_SEQUENTIAL};
  return std::find(std::begin(harmless), std::end(harmless), warning) != std::end(harmless);
}

}  // namespace

jpeg_error_mgr* jpeg_errors::manager() noexcept {
  jpeg_std_error(&manager_);
  manager_.error_exit = [](j_common_ptr jpeg) {
    of(jpeg).leave_with(jpeg, kind_of(jpeg->err->msg_code));
  };
  manager_.emit_message = [](j_common_ptr jpeg, int level) {
    if (level < 0 && !is_harmless(jpeg->err->msg_code))
      of(jpeg).leave_with(jpeg, kind_of(jpeg->err->msg_code));
  };
  return &manager_;
}

jpeg_errors& jpeg_errors::of(j_common_ptr jpeg) noexcept {
  return *reinterpret_cast<jpeg_errors*>(jpeg->err);
}

void jpeg_errors::leave(failure_kind kind, const char* sentence) noexcept {
  kind_ = kind;
  std::strncpy(sentence_, sentence, sizeof sentence_ - 1);
  // NOLINTNEXTLINE(bugprone-setjmp-longjmp,cert-err52-cpp): as in run()
  std::longjmp(jump_, 1);
}

void jpeg_errors::leave_with(j_common_ptr jpeg, failure_kind kind) noexcept {
  char text[JMSG_LENGTH_MAX];
  (*jpeg->err->format_message)(jpeg, text);
  leave(kind, text);
}

failure jpeg_errors::why() const { return {kind_, sentence_}; }

}  // namespace millpool::thumbs
