#include "apps/millpool/run/program_path.hpp"

#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace millpool::run {
namespace {

TEST(ProgramPath, FindsTheFirstProgramOfTheName) {
  const test::scratch folder;
  ::chmod(folder.write("tool", "#!/bin/sh\n").c_str(), 0755);
  folder.write("text", "no program");
  program_path programs{"/absent:" + folder.root() + ":/bin"};
  EXPECT_EQ(programs.find("tool"), folder.path("tool"));
  EXPECT_EQ(programs.find("text"), "");
  EXPECT_EQ(programs.find("./any/path"), "./any/path");
}

TEST(ProgramPath, RemembersAtMostAThousandNames) {
  program_path programs{"/absent"};
  for (int i = 0; i < 3000; ++i) {
    EXPECT_EQ(programs.find("name" + std::to_string(i)), "");
    EXPECT_EQ(programs.find("/dir/" + std::to_string(i)), "/dir/" + std::to_string(i));
  }
  EXPECT_EQ(programs.remembered(), 1000u);
}

}  // namespace
}  // namespace millpool::run
