#include "apps/millpool/thumbs/source_tree.hpp"

#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace millpool::thumbs {
namespace {

namespace fs = std::filesystem;

// Folders with a slash behind them, faults with a question mark.
[[nodiscard]] std::vector<std::string> walk(source_tree& tree) {
  std::vector<std::string> seen;
  while (const auto step = tree.next()) {
    if (const auto* const folder = std::get_if<source_tree::folder>(&*step)) {
      seen.push_back(folder->path + "/");
    } else if (const auto* const file = std::get_if<source_tree::file>(&*step)) {
      seen.push_back(file->path);
    } else {
      seen.push_back(std::get<source_tree::fault>(*step).path + "?");
    }
  }
  return seen;
}

using names = std::vector<std::string>;

TEST(SourceTree, GivesFolderByFolderSortedByName) {
  const test::scratch root;
  fs::create_directories(root.path("b/c"));
  fs::create_directories(root.path("a"));
  for (const char* each : {"z.jpg", "b/2.png", "b/1.jpg", "b/c/d.gif", "a/x.webp", "notes.txt"})
    root.write(each, "content");
  source_tree tree{root.root(), root.path("nowhere")};
  EXPECT_EQ(walk(tree), (names{"/", "z.jpg", "a/", "a/x.webp", "b/", "b/1.jpg", "b/2.png", "b/c/",
                               "b/c/d.gif"}));
  EXPECT_EQ(tree.passed_over(), 1U);
}

TEST(SourceTree, TellsSizeAndDate) {
  const test::scratch root;
  root.write("a.jpg", "12345");
  source_tree tree{root.root(), ""};
  ASSERT_TRUE(tree.next());
  const auto step = tree.next();
  ASSERT_TRUE(step);
  EXPECT_EQ(std::get<source_tree::file>(*step).bytes, 5U);
  EXPECT_GT(std::get<source_tree::file>(*step).mtime_ns, 0);
}

TEST(SourceTree, DoesNotEnterWhatIsLeftOut) {
  const test::scratch root;
  fs::create_directories(root.path("out/deep"));
  root.write("out/deep/a.jpg", "");
  root.write("b.jpg", "");
  fs::create_directory_symlink(root.path("out"), root.path("alias"));
  source_tree tree{root.root(), root.path("alias")};
  EXPECT_EQ(walk(tree), (names{"/", "b.jpg"}));
}

TEST(SourceTree, FollowsLinksToFilesAndNoneToFolders) {
  const test::scratch root;
  fs::create_directory(root.path("real"));
  root.write("real/a.jpg", "");
  fs::create_symlink("real/a.jpg", root.path("linked.jpg"));
  fs::create_directory_symlink("..", root.path("real/up"));
  fs::create_directory_symlink(".", root.path("loop.jpg"));
  fs::create_symlink("nowhere", root.path("dangling.jpg"));
  source_tree tree{root.root(), ""};
  EXPECT_EQ(walk(tree), (names{"/", "dangling.jpg?", "linked.jpg", "real/", "real/a.jpg"}));
}

}  // namespace
}  // namespace millpool::thumbs
