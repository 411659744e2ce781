#include "apps/millpool/run/child_process.hpp"

#include "apps/millpool/run/argv_buffer.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <sys/resource.h>

namespace millpool::run {
namespace {

using std::chrono::seconds;

child_process start(std::initializer_list<const char*> words) {
  argv_buffer argv;
  for (const char* word : words) argv.push_back(word);
  sigset_t none;
  sigemptyset(&none);
  return child_process::start({.path = *words.begin(), .argv = argv.argv(), .signal_mask = &none})
      .value();
}

// While it lives no descriptor can be opened.
class no_descriptors {
 public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ChildProcess, TellsHowItEnded) {
  auto child = start({"/bin/sh", "-c", "exit 3"});
  child.wait();
  EXPECT_EQ(child.reap()->exit_value, 3);
}

TEST(ChildProcess, CannotTellHowAChildEndedThatIsGone) {
  auto child = start({"/bin/sh", "-c", "exit 3"});
  child.wait();
  ASSERT_TRUE(child.reap());
  EXPECT_EQ(child.reap().error(), std::errc::no_child_process);
}

TEST(ChildProcess, IsWaitedForUntilADeadline) {
  auto child = start({"/bin/sh", "-c", "exec sleep 600"});
  EXPECT_FALSE(child.wait_until(steady().now()));
  child.signal_group(SIGKILL);
  EXPECT_TRUE(child.wait_until(steady().now() + seconds{60}));
  EXPECT_EQ(child.reap()->signal, SIGKILL);
}

TEST(ChildProcess, IsWaitedForThoughNoDescriptorIsLeft) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UndefinedBehaviorSanitizer, built in with it, opens a pipe to look at an object";
#endif
  auto child = start({"/bin/sh", "-c", "exec sleep 600"});
  const no_descriptors limit;
  EXPECT_FALSE(child.wait_until(steady().now()));
  child.signal_group(SIGKILL);
  EXPECT_TRUE(child.wait_until(steady().now() + seconds{5}));
  EXPECT_EQ(child.reap()->signal, SIGKILL);
}

}  // namespace
}  // namespace millpool::run
