#pragma once

#include "apps/millpool/thumbs/failure.hpp"

#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it
#include <jpeglib.h>

namespace millpool::thumbs {

/// Turns libjpeg's fatal errors, and those of its warnings that mean lost data, into failures.
///
/// libjpeg leaves by longjmp(): through its own frames only, since what is called under run() owns
/// nothing that has a destructor.
class jpeg_errors {
 public:
  /// Give this to the (de)compress struct as its `err`. Its address must not change after that.
  [[nodiscard]] jpeg_error_mgr* manager() noexcept;

  /// Calls f. \return whether libjpeg came to the end of it.
  template <class F>
  [[nodiscard]] bool run(F f) {
    // NOLINTNEXTLINE(bugprone-setjmp-longjmp,cert-err52-cpp): libjpeg knows no other way out
    if (setjmp(jump_) != 0) return false;
    f();
    return true;
  }

  /// Leaves run() from within a callback of libjpeg, with this kind of failure.
  [[noreturn]] void leave(failure_kind kind, const char* sentence) noexcept;

  /// Why run() said no.
  [[nodiscard]] failure why() const;

 private:
  [[noreturn]] void leave_with(j_common_ptr jpeg, failure_kind kind) noexcept;
  static jpeg_errors& of(j_common_ptr jpeg) noexcept;

  jpeg_error_mgr manager_{};  // the first member: libjpeg gives us its address
  std::jmp_buf jump_{};
  failure_kind kind_ = failure_kind::damaged;
  char sentence_[JMSG_LENGTH_MAX] = "";
};

}  // namespace millpool::thumbs
