#include "apps/millpool/run/output_spool.hpp"

#include "apps/millpool/run/joblog.hpp"
#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace millpool::run {
namespace {

using stream = output_target::stream;

class kept final : public output_target {
 public:
  [[nodiscard]] std::error_code write(stream, std::string_view bytes) override {
    text += bytes;
    return {};
  }
  std::string text;
};

// While it lives no file of ours grows beyond `bytes`: as on a full disk, a write ends half way.
class small_files {
 public:
  explicit small_files(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  small_files(const small_files&) = delete;
  small_files& operator=(const small_files&) = delete;
  ~small_files() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

// The blocks that our files without a name in `folder` take, in bytes.
std::uint64_t disk_of_unnamed(const std::string& folder) {
  std::uint64_t bytes = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string name = std::filesystem::read_symlink(each.path(), gone).string();
    struct stat status {};
    if (!gone && name.starts_with(folder) && ::stat(each.path().c_str(), &status) == 0) {
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return bytes;
}

output_spool::entry hold(output_spool& spool, std::string_view text) {
  EXPECT_FALSE(spool.begin());
  EXPECT_FALSE(spool.write(stream::output, text));
  return spool.take();
}

std::string replay(output_spool& spool, const output_spool::entry& held) {
  kept target;
  std::string log;
  EXPECT_FALSE(spool.replay(held, target, log));
  return target.text;
}

TEST(OutputSpool, GivesTheDiskBackThoughSomethingIsAlwaysHeld) {
  const test::scratch folder;
  output_spool spool{folder.root()};
  const std::string large(1 << 20, 'x');
  const std::string small(100, 'y');
  auto held = hold(spool, large);
  for (int i = 0; i < 20'000; ++i) {
    const bool is_large = i % 500 == 0;
    const auto next = hold(spool, is_large ? large : small);
    replay(spool, held);
    held = next;
  }
  if (disk_of_unnamed(folder.root()) == 0) GTEST_SKIP() << "no file is seen in /proc";
  EXPECT_LE(disk_of_unnamed(folder.root()), 4u << 20);
  EXPECT_EQ(replay(spool, held), small);
}

TEST(OutputSpool, GivesBackTheRightBytesAfterAWriteThatFailedHalfWay) {
  const test::scratch folder;
  output_spool spool{folder.root()};
  const auto first = hold(spool, "first");
  {
    const small_files limit{8};
    ASSERT_FALSE(spool.begin());
    EXPECT_TRUE(spool.write(stream::output, "does not fit"));
  }
  const auto third = hold(spool, "third");
  EXPECT_EQ(replay(spool, first), "first");
  EXPECT_EQ(replay(spool, third), "third");
}

TEST(Joblog, KeepsNothingOfALineThatDoesNotFit) {
  const test::scratch folder;
  auto log = joblog::open(folder.path("log"), joblog::start::overwrite).value();
  ASSERT_FALSE(log.write("first\n"));
  const std::string before = folder.read("log");
  {
    const small_files limit{before.size() + 3};
    EXPECT_TRUE(log.write("second\n"));
  }
  EXPECT_EQ(folder.read("log"), before);
  ASSERT_FALSE(log.write("third\n"));
  EXPECT_EQ(folder.read("log"), before + "third\n");
}

}  // namespace
}  // namespace millpool::run
