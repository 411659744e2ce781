#include "tests/support/explore/player.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <linux/futex.h>
#include <new>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if MILLPOOL_EXPLORE_CHANGES_STACKS
#include <asm/prctl.h>
#endif

namespace millpool::explore {

void turn::give() noexcept {
  given_.store(1);
  syscall(SYS_futex, &given_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}
void turn::take() noexcept {
  while (given_.exchange(0) == 0) {
    syscall(SYS_futex, &given_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  }
}

#if MILLPOOL_EXPLORE_CHANGES_STACKS

// change_stack(from, to, thread_pointer): keeps what a called function must keep, and the stack's
// place in *from; goes on where `to` stands, with its thread-local variables. The second one is for
// kernels that do not let a program write the FS register.
// begin_stack: what a new stack returns to; calls r12(rbx).
asm(R"(
  .text
  .p2align 4
  .type millpool_explore_change_stack, @function
millpool_explore_change_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  cmpl $0, millpool_explore_asks_kernel(%rip)
  jne 1f
  wrfsbase %rdx
0:
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
1:
  movq %rsi, %r12
  movq %rdx, %rsi
  movl $0x1002, %edi
  movl $158, %eax
  syscall
  movq %r12, %rsi
  jmp 0b
  .size millpool_explore_change_stack, . - millpool_explore_change_stack

  .type millpool_explore_begin_stack, @function
millpool_explore_begin_stack:
  movq %rbx, %rdi
  call *%r12
  ud2
  .size millpool_explore_begin_stack, . - millpool_explore_begin_stack
)");
static_assert(ARCH_SET_FS == 0x1002 && SYS_arch_prctl == 158, "as written above");

extern "C" {
void millpool_explore_change_stack(void** from, void* to, void* thread_pointer) noexcept;
void millpool_explore_begin_stack() noexcept;
[[gnu::used, gnu::visibility("hidden")]] int millpool_explore_asks_kernel = 1;
}

namespace {
constexpr std::size_t stack_size = std::size_t{1} << 20;  // touched as far as it is used
constexpr std::size_t guard_size = 4096;
}  // namespace

void prepare_players() noexcept {
  constexpr unsigned long fsgsbase = 1UL << 1;  // HWCAP2_FSGSBASE
  millpool_explore_asks_kernel = (getauxval(AT_HWCAP2) & fsgsbase) == 0 ? 1 : 0;
}

void standpoint::leave_for(standpoint& next) noexcept {
  millpool_explore_change_stack(&stack_pointer_, next.stack_pointer_, next.thread_pointer_);
}

player::player(void (*all)(player&)) : all_{all} {
  stack_ = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED || mprotect(stack_, guard_size, PROT_NONE) != 0) throw std::bad_alloc{};
  // What change_stack takes from a stack, lowest address first.
  struct frame {
    void* r15;
    void* r14;
    void* r13;
    void (*r12)(player*) noexcept;
    player* rbx;
    void* rbp;
    void (*returns_to)() noexcept;
    void* end[2];  // two, so that the stack is aligned where begin_stack calls
  };
  auto* const top = static_cast<frame*>(
      static_cast<void*>(static_cast<std::byte*>(stack_) + stack_size - sizeof(frame)));
  *top = {.r15 = nullptr,
          .r14 = nullptr,
          .r13 = nullptr,
          .r12 = &begin,
          .rbx = this,
          .rbp = nullptr,
          .returns_to = &millpool_explore_begin_stack,
          .end = {}};
  here.stack_pointer_ = top;
  thread_ = std::thread{[this] { lend(); }};
  lent_.take();
}

player::~player() {
  if (!thread_.joinable()) return;
  dismissed_ = true;
  ends_.give();
  thread_.join();
  munmap(stack_, stack_size);
}

void player::lend() noexcept {
  here.thread_pointer_ = __builtin_thread_pointer();
  lent_.give();
  ends_.take();
}

void player::begin(player* self) noexcept {
  self->all_(*self);
  std::abort();  // a player is dismissed where it stands
}

#else

// All on one CPU: only one of them ever has something to do.
void prepare_players() noexcept {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
  sched_setaffinity(0, sizeof here, &here);
}

void standpoint::leave_for(standpoint& next) noexcept {
  next.mine_.give();
  mine_.take();
}

player::player(void (*all)(player&)) : all_{all}, thread_{[this] { begin(this); }} {}

player::~player() {
  if (!thread_.joinable()) return;
  dismissed_ = true;
  here.mine_.give();
  thread_.join();
}

void player::begin(player* self) noexcept {
  self->here.mine_.take();
  if (!self->dismissed()) self->all_(*self);
}

#endif

}  // namespace millpool::explore
