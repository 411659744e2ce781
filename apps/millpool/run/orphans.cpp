#include "apps/millpool/run/orphans.hpp"

#include "apps/support/io.hpp"

#include <charconv>
#include <fcntl.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millpool::run {

orphans::orphans() {
  const std::string main_thread = std::to_string(::getpid());
  const std::string path = "/proc/" + main_thread + "/task/" + main_thread + "/children";
  children_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // Whom we cannot list we could not take away either: they are better off with init.
  if (children_) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

orphans::~orphans() {
  if (!children_) return;
  any_left();
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

bool orphans::any_left() {
  char text[4096];
  const auto got = app::read_at(children_.get(), text, 0);
  if (!got) return true;
  if (*got == 0) return false;
  // "123 456 ": each is asked for by number, so no worker loses a job of its own to this.
  bool left = *got == sizeof text;  // too many to list: look again next time
  const char* at = text;
  const char* const end = text + *got;
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ptr == at) break;
    at = parsed.ptr + 1;
    if (parsed.ptr == end && left) break;  // a number cut in half
    if (::waitpid(pid, nullptr, WNOHANG) == 0) left = true;
  }
  return left;
}

}  // namespace millpool::run
