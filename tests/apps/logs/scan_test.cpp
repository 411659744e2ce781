#include "apps/millpool/logs/scan.hpp"

#include "apps/millpool/logs/checkpoint.hpp"
#include "apps/millpool/logs/report.hpp"
#include "apps/support/unique_fd.hpp"
#include "tests/apps/logs/compressed.hpp"
#include "tests/apps/logs/lines.hpp"
#include "tests/apps/scratch.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fcntl.h>
#include <map>
#include <random>
#include <sys/eventfd.h>
#include <unistd.h>

namespace millpool::logs {
namespace {

using millpool::test::scratch;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Lines "level=L n=N": few levels, and some lines that are none.
std::string make_log(std::size_t lines, unsigned seed) {
  std::mt19937 random{seed};
  std::string text;
  for (std::size_t i = 0; i < lines; ++i) {
    if (random() % 100 == 0) {
      text += "junk\n";
    } else {
      text += "level=" + std::to_string(random() % 7) + " n=" + std::to_string(random() % 1000) +
              std::string(random() % 60, ' ') + "\n";
    }
  }
  return text;
}

query_options by_level() {
  return {.questions = {{.kind = question_kind::count_by, .field = "level"},
                        {.kind = question_kind::sum, .field = "n"},
                        {.kind = question_kind::sample, .count = 5}}};
}

std::unique_ptr<query> ask(query_options options) {
  return std::move(*query::make(std::move(options), test::format_of(format_kind::logfmt), {}));
}

// Reads on until the scan rests. \return what was printed, and problems behind it.
std::string run(scan& one) {
  std::string out;
  while (one.is_running()) {
    auto next = one.pop_for(seconds{10});
    if (!next) continue;
    out += next->printed;
    for (const std::string& problem : next->problems) out += "! " + problem + "\n";
  }
  return out;
}

std::string answers_of(const query& asked, scan& one) {
  findings all{asked};
  one.add_to(all);
  return as_csv(report_of(all));
}

class Scan : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Scan, AnswersDoNotDependOnHowTheInputIsStoredOrWhoReadsIt) {
  const scratch folder;
  const std::string one = make_log(120'000, 1);
  const std::string two = make_log(30'000, 2);
  const auto asked = ask(by_level());
  findings expected{*asked};
  std::string nothing;
  const std::string one_padded = padded(one);
  const std::string two_padded = padded(two);
  expected.take(std::string_view{one_padded}.substr(0, one.size()), {0, 0}, nothing);
  expected.take(std::string_view{two_padded}.substr(0, two.size()), {1, 0}, nothing);
  const std::string right = as_csv(report_of(expected));

  folder.write("plain1", one);
  folder.write("plain2", two);
  folder.write("gzip1", test::gzip(one.substr(0, 1000)) + test::gzip(one.substr(1000)));
  folder.write("zstd2", test::zstd(two));
  for (const auto& [first, second] :
       {std::pair{"plain1", "plain2"}, {"gzip1", "zstd2"}, {"plain1", "zstd2"}}) {
    std::vector<input> inputs{{.path = folder.path(first)}, {.path = folder.path(second)}};
    const auto fresh = ask(by_level());
    scan reading{*fresh, inputs, {.workers = GetParam()}};
    reading.start();
    EXPECT_THAT(run(reading), IsEmpty());
    EXPECT_EQ(answers_of(*fresh, reading), right) << first;
  }
}

TEST_P(Scan, PrintsMatchingLinesInTheirOrder) {
  const scratch folder;
  const std::string one = make_log(100'000, 3);
  const std::string two = make_log(20'000, 4);
  std::string expected;
  for (const std::string* text : {&one, &two}) {
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t end = text->find('\n', at) + 1;
      const std::string line = text->substr(at, end - at);
      if (line.find("level=3") != std::string::npos) expected += line;
      at = end;
    }
  }
  for (const std::string& first : {one, test::gzip(one)}) {
    for (const char* where : {"", "level = 3"}) {
      std::vector<input> inputs{{.path = folder.write("1", first)},
                                {.path = folder.write("2", two)}};
      const auto asked = ask({.where = where, .match = "level=3"});
      scan reading{*asked, inputs, {.workers = GetParam(), .prints = true}};
      reading.start();
      EXPECT_TRUE(run(reading) == expected) << where;
    }
  }
}

TEST_P(Scan, HeldItStopsAndGoesOnWithoutCountingTwice) {
  const scratch folder;
  const std::string text = make_log(150'000, 5);
  folder.write("plain", text);
  folder.write("gzip", test::gzip(text));
  std::vector<std::string> answers;
  for (const bool holds : {false, true}) {
    std::vector<input> inputs{{.path = folder.path("plain")}, {.path = folder.path("gzip")}};
    const auto asked = ask(by_level());
    scan reading{*asked, inputs, {.workers = GetParam()}};
    reading.start();
    for (int i = 0; holds && i < 5; ++i) {
      reading.hold();
      EXPECT_THAT(run(reading), IsEmpty());
      reading.start();
    }
    EXPECT_THAT(run(reading), IsEmpty());
    answers.push_back(answers_of(*asked, reading));
  }
  EXPECT_EQ(answers[0], answers[1]);
}

// As a run that is killed right after it has saved, again and again.
TEST_P(Scan, GoesOnFromACheckpointWithoutCountingTwice) {
  const scratch folder;
  const std::string text = make_log(150'000, 6);
  const std::vector<input> fresh{{.path = folder.write("plain", text)},
                                 {.path = folder.write("gzip", test::gzip(text))}};
  const auto whole = ask(by_level());
  std::vector<input> at_once = fresh;
  scan reading{*whole, at_once, {.workers = GetParam()}};
  reading.start();
  EXPECT_THAT(run(reading), IsEmpty());

  bool ended = false;
  for (int runs = 0; !ended && runs < 100; ++runs) {
    const auto asked = ask(by_level());
    std::vector<input> inputs = fresh;
    findings before{*asked};
    checkpoint file{folder.path("checkpoint")};
    const auto loaded = file.load(*asked, inputs, before);
    ASSERT_TRUE(loaded) << loaded.error();
    EXPECT_THAT(*loaded, IsEmpty());
    scan part{*asked, inputs, {.workers = GetParam()}};
    part.start();
    (void)part.pop_for(seconds{10});
    part.hold();
    EXPECT_THAT(run(part), IsEmpty());
    findings all{*asked};
    all.merge(before);
    part.add_to(all);
    ASSERT_TRUE(file.save(*asked, inputs, all));
    ended = std::all_of(inputs.begin(), inputs.end(), [](const input& one) { return one.ended; });
    if (ended) {
      EXPECT_EQ(as_csv(report_of(all)), answers_of(*whole, reading));
    }
  }
  EXPECT_TRUE(ended);
}

INSTANTIATE_TEST_SUITE_P(Workers, Scan, ::testing::Values(1, 2, 8));

TEST(ScanProblems, NameTheirInputAndEndNothingElse) {
  const scratch folder;
  const std::string good = folder.write("good", "level=1 n=2\n");
  std::string cut = test::gzip(make_log(1000, 7));
  cut.resize(cut.size() / 2);
  std::vector<input> inputs{{.path = folder.path("none")},
                            {.path = folder.write("cut", cut)},
                            {.path = folder.root()},
                            {.path = good}};
  const auto asked = ask({.questions = {{.kind = question_kind::count_by, .field = "level"}}});
  scan reading{*asked, inputs, {.workers = 2}};
  reading.start();
  const std::string said = run(reading);
  EXPECT_THAT(said, HasSubstr("! " + folder.path("none") + ": No such file or directory\n"));
  EXPECT_THAT(said, HasSubstr("! " + folder.path("cut") + ": truncated: the gzip data ends too "));
  EXPECT_THAT(said, HasSubstr("! " + folder.root() + ": it is a directory\n"));
  findings all{*asked};
  reading.add_to(all);
  EXPECT_GT(all.lines(), 1u);
}

TEST(ScanCsv, LeavesFilesWithOtherColumnsOut) {
  const scratch folder;
  std::vector<input> inputs{{.path = folder.write("1", "a,b\n1,2\n")},
                            {.path = folder.write("2", "b,a\n1,2\n")},
                            {.path = folder.write("3", "a,b\r\n3,4\r\n")}};
  const line_format format{.kind = format_kind::csv, .pattern = {}, .columns = {"a", "b"}};
  const auto asked =
      query::make({.questions = {{.kind = question_kind::sum, .field = "b"}}}, format, {});
  ASSERT_TRUE(asked);
  scan reading{**asked, inputs, {.workers = 2}};
  reading.start();
  EXPECT_EQ(run(reading), "! " + folder.path("2") +
                              ": left out, since its columns are not those of the first file\n");
  findings all{**asked};
  reading.add_to(all);
  EXPECT_EQ(all.answers().front().rows.front().value, 6);
}

TEST_P(Scan, DestroyedInTheMiddleItEnds) {
  const scratch folder;
  const std::string text = make_log(200'000, 7);
  folder.write("plain", text);
  folder.write("gzip", test::gzip(text));
  const auto asked = ask(by_level());
  for (int outcomes = 0; outcomes < 4; ++outcomes) {
    std::vector<input> inputs{{.path = folder.path("plain")}, {.path = folder.path("gzip")}};
    scan reading{*asked, inputs, {.workers = GetParam()}};
    reading.start();
    for (int i = 0; i < outcomes; ++i) (void)reading.pop_for(seconds{10});
  }
}

TEST_P(Scan, DestroyedWhileItWaitsForAPipeItEnds) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const app::unique_fd writer{ends[1]};
  const app::unique_fd reader{ends[0]};
  const app::unique_fd stop{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  const auto asked = ask(by_level());
  std::vector<input> inputs{{.path = "/dev/fd/" + std::to_string(reader.get())}};
  scan reading{*asked, inputs, {.workers = GetParam(), .stop_fd = stop.get()}};
  reading.start();
}

// ---- checkpoint

file_head head_at(const std::string& path, std::uint64_t size) {
  const app::unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  return head_of(fd.get(), size);
}

TEST(Checkpoint, IsOfOneQueryAndOneFormat) {
  const scratch folder;
  checkpoint file{folder.path("c")};
  const auto asked = ask(by_level());
  const findings none{*asked};
  ASSERT_TRUE(file.save(*asked, {}, none));
  query_options other = by_level();
  other.where = "level = 1";
  const auto another = ask(other);
  std::vector<input> inputs;
  findings found{*another};
  const auto loaded = file.load(*another, inputs, found);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error(), "checkpoint " + folder.path("c") +
                                ": it is of another query (other flags, or another format)");
}

TEST(Checkpoint, DamagedInAnyByteItIsRefused) {
  const scratch folder;
  const auto asked = ask({.questions = {{.kind = question_kind::count_by, .field = "level"}}});
  findings found{*asked};
  std::string nothing;
  const std::string line = padded("level=1\n");
  found.take(std::string_view{line}.substr(0, 8), {0, 0}, nothing);
  checkpoint file{folder.path("c")};
  ASSERT_TRUE(file.save(*asked, {}, found));
  const std::string whole = folder.read("c");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 1;
    folder.write("c", damaged);
    std::vector<input> inputs;
    findings again{*asked};
    EXPECT_FALSE(file.load(*asked, inputs, again)) << i;
    folder.write("c", whole.substr(0, i));
    EXPECT_FALSE(file.load(*asked, inputs, again)) << i;
  }
}

TEST(Checkpoint, KnowsAFileThatWasRotated) {
  const scratch folder;
  const auto asked = ask(by_level());
  const findings none{*asked};
  const std::string log = folder.write("log", make_log(1000, 1));
  std::vector<input> inputs{{.path = log, .position = 500, .head = head_at(log, 500)}};
  ASSERT_TRUE(checkpoint{folder.path("c")}.save(*asked, inputs, none));

  std::filesystem::rename(log, folder.path("log.1"));
  folder.write("log", make_log(1000, 2));
  std::vector<input> later{{.path = log}, {.path = folder.path("log.1")}};
  findings found{*asked};
  auto loaded = checkpoint{folder.path("c")}.load(*asked, later, found);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(*loaded, IsEmpty());
  EXPECT_EQ(later[0].position, 0u);
  EXPECT_EQ(later[1].position, 500u);

  std::vector<input> without{{.path = log}};
  loaded = checkpoint{folder.path("c")}.load(*asked, without, found);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(*loaded, ElementsAre(HasSubstr("another file than at the checkpoint")));
  EXPECT_EQ(without[0].position, 0u);
}

TEST(Checkpoint, SavedAtOnceItForgetsNothing) {
  const scratch folder;
  const auto asked = ask(by_level());
  const findings none{*asked};
  const std::string log = folder.write("log", make_log(1000, 1));
  ASSERT_TRUE(checkpoint{folder.path("c")}.save(
      *asked, {{.path = log, .position = 500, .head = head_at(log, 500)}}, none));
  for (int round = 0; round < 2; ++round) {
    std::vector<input> inputs{{.path = log, .from = *open_source(log, -1, true)}};
    findings found{*asked};
    checkpoint file{folder.path("c")};
    ASSERT_TRUE(file.load(*asked, inputs, found));
    EXPECT_EQ(inputs[0].position, 500u) << round;
    // It is open, to see what its format is, and nothing of it has been read yet.
    ASSERT_TRUE(file.save(*asked, inputs, found));
  }
}

TEST(Checkpoint, TellsOnceThatAFileIsAnotherAndKnowsTheFormerOne) {
  const scratch folder;
  const auto asked = ask(by_level());
  const findings none{*asked};
  const std::string log = folder.write("log", "level=1\n");
  ASSERT_TRUE(checkpoint{folder.path("c")}.save(
      *asked, {{.path = log, .position = 8, .head = head_at(log, 8)}}, none));
  folder.write("log", "level=2\n");
  folder.write("former", "level=1\n");
  for (const char* said : {"another file", ""}) {
    std::vector<input> inputs{{.path = log}};
    findings found{*asked};
    checkpoint file{folder.path("c")};
    const auto loaded = file.load(*asked, inputs, found);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->size(), *said == '\0' ? 0u : 1u) << said;
    inputs[0].position = 8;
    inputs[0].head = head_at(log, 8);
    ASSERT_TRUE(file.save(*asked, inputs, none));
  }
  std::vector<input> inputs{{.path = folder.path("former")}};
  findings found{*asked};
  ASSERT_TRUE(checkpoint{folder.path("c")}.load(*asked, inputs, found));
  EXPECT_EQ(inputs[0].position, 8u);
}

TEST(Checkpoint, DoesNotGrowByFilesThatCannotBeKnownAgain) {
  const scratch folder;
  const auto asked = ask(by_level());
  std::size_t size = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<input> inputs{{.path = folder.path("absent"), .ended = true}};
    findings found{*asked};
    checkpoint file{folder.path("c")};
    ASSERT_TRUE(file.load(*asked, inputs, found));
    ASSERT_TRUE(file.save(*asked, inputs, found));
    if (round > 0) {
      EXPECT_EQ(folder.read("c").size(), size);
    }
    size = folder.read("c").size();
  }
}

TEST(Checkpoint, KnowsWhereLinesWereWhateverTheInputsAreNow) {
  const scratch folder;
  const auto asked = ask({.questions = {{.kind = question_kind::sum, .field = "n"}}});
  findings found{*asked};
  std::string nothing;
  const std::string line = padded("bad\n");
  found.take(std::string_view{line}.substr(0, 4), {1, 0}, nothing);
  ASSERT_TRUE(checkpoint{folder.path("c")}.save(*asked, {{.path = "a"}, {.path = "b"}}, found));
  for (const std::vector<std::string>& now :
       {std::vector<std::string>{"a", "b"}, {"b", "a"}, {"a"}, {}}) {
    std::vector<input> inputs;
    for (const std::string& path : now) inputs.push_back({.path = path});
    findings again{*asked};
    checkpoint file{folder.path("c")};
    ASSERT_TRUE(file.load(*asked, inputs, again));
    const auto& lines = again.first_malformed().lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(file.name_of(lines[0].place.input, inputs), "b");
  }
}

}  // namespace
}  // namespace millpool::logs
